# cockpit: how a job is watched and recorded on its server. Fed to a control shell, which forks `ck_wrap` for each job.
# POSIX sh (dash, bash, busybox ash). Every name begins with ck_, for the job inherits the login's own variables.
#
# ck_d names a job, BASE/jobs/SESSION/ID, and the endings of its files: .record, .out, .err, sometimes .program, .ending,
# .again. A directory for each job would cost a short one a fifth of its time, for mkdir's fork and exec: ck_d itself is one
# only where something was told to the job, which knows it as COCKPIT_JOB and reads its file `told`.
# The record only grows, a line at a time, each one write; a line without its newline was never written:
#   start BOOT PID START     the control shell; the file is made with O_EXCL, so of two starters one begins the command
#   | TEXT                   the command, for people
#   wrapper PID              the process that waits for the command: it holds .out open as its 6
#   going                    from here on the command may have begun
#   command PID START        the command: leader of a session and a group of its own; START in ticks since boot
#   error WORDS              why it could not run at all
#   end EXIT HOW
# Builtins are used wherever they can be: a fork and exec costs a millisecond, and a short job has only a few of them.

ck_nl='
'
ck_rs=$(printf '\036')

ck_boot() {
    ck_b=
    read -r ck_b < /proc/sys/kernel/random/boot_id
} 2>/dev/null

# PID -> ck_st its start time, ck_pg its group. False for a zombie: it will never do anything again. comm may hold anything.
ck_stat() {
    ck_st= ck_pg= ck_l=
    { while IFS= read -r ck_x; do ck_l="$ck_l $ck_x"; done < "/proc/$1/stat"; } 2>/dev/null
    ck_l=${ck_l##*") "}
    case $ck_l in '' | [ZX]*) return 1 ;; esac
    set -f
    set -- $ck_l
    set +f
    ck_pg=$3 ck_st=${20}
}

ck_alive() { [ -n "$1" ] && ck_stat "$1" && [ "$ck_st" = "$2" ]; }

# GROUP: is anyone in it? A container whose init reaps nobody keeps zombies, which kill -0 takes for alive.
ck_group() {
    kill -0 "-$1" || return 1
    if ck_stat "$1" && [ "$ck_pg" = "$1" ]; then return 0; fi
    [ -n "$(cat /proc/[0-9]*/stat | sed -n "s/.*) [^ZX] [0-9]* $1 .*/x/p")" ]
} 2>/dev/null

# A fifth of a second, counted in ck_i. Some sleeps know no fractions.
ck_nap() {
    if sleep 0.2; then ck_i=$((ck_i + 1)); else sleep 1; ck_i=$((ck_i + 5)); fi
} 2>/dev/null

# GROUP FIFTHS: TERM, and KILL when that many fifths of a second have passed. CONT, or a stopped one never sees its TERM.
# There is no such group while the process that is to lead it has not come to its setsid: that is waited for.
ck_kill() {
    ck_i=0
    until kill -TERM "-$1" || ! ck_stat "$1" || [ "$ck_i" -ge 100 ]; do ck_nap; done
    kill -CONT "-$1"
    ck_i=0
    while [ "$ck_i" -lt "$2" ] && ck_group "$1"; do ck_nap; done
    kill -KILL "-$1"
} 2>/dev/null

# --- the record

ck_load() {
    while read -r ck_k ck_1 ck_2 ck_3; do
        case $ck_k in
            start) ck_rb=$ck_1 ck_sp=$ck_2 ck_ss=$ck_3 ;;
            wrapper) ck_wp=$ck_1 ;;
            going) ck_go=1 ;;
            command) ck_cp=$ck_1 ck_cs=$ck_2 ;;
            error) ck_text="$ck_1 $ck_2 $ck_3" ;;
            end) ck_phase=ended ck_exit=$ck_1 ck_how=$ck_2 ;;
        esac
    done < "$ck_d.record"
} 2>/dev/null

# What is true of the job in ck_d: ck_phase ck_exit ck_how ck_text, and the three identities.
ck_state() {
    ck_phase=absent ck_exit=- ck_how=- ck_text=
    ck_rb= ck_sp= ck_ss= ck_wp= ck_go= ck_cp= ck_cs=
    [ -n "$ck_d" ] || return 0
    [ -e "$ck_d.record" ] || return 0
    ck_load
    # Another shell is between making the file and writing its first line, or a power cut took the line: never begin it again.
    ck_i=0
    while [ -z "$ck_rb" ] && [ -e "$ck_d.record" ] && [ "$ck_i" -lt 5 ]; do ck_nap; ck_load; done
    [ "$ck_phase" = ended ] && return 0
    [ -e "$ck_d.record" ] || return 0
    ck_boot
    if [ -z "$ck_rb" ]; then ck_phase=gone
    elif [ "$ck_rb" != "$ck_b" ]; then ck_phase=rebooted
    elif ck_alive "$ck_cp" "$ck_cs"; then ck_phase=running
    elif [ -n "$ck_wp" ] && [ "/proc/$ck_wp/fd/6" -ef "$ck_d.out" ]; then ck_recording
    elif [ -z "$ck_wp" ] && ck_alive "$ck_sp" "$ck_ss"; then ck_phase=running
    else
        ck_phase=gone
        ck_load # it may have gone on between the two looks
        [ "$ck_phase$ck_go" != gone ] || [ -e "$ck_d.again" ] || ck_phase=prepared
    fi
}

# The command has ended and its wrapper lives: it is about to record that, or it cannot (x: the wrapper says so).
ck_recording() {
    ck_phase=running
    if [ -n "$ck_cp" ] && { [ -x "$ck_d.record" ] || [ ! -w "$ck_d.record" ]; }; then
        ck_phase=ended ck_how=record ck_text="it ended, and its result cannot be written to $ck_d.record"
        ck_load
    fi
}

# --- ending a job before its time

# WORD FIFTHS: why this job is being ended, and how long it may take; the first word stays.
ck_mark() {
    set -C
    printf '%s %s\n' "$1" "$2" > "$ck_d.ending"
    set +C
} 2>/dev/null

# Ends the job in ck_d. With its wrapper dead nobody else can record that, and the exit code is nobody's.
ck_ender() {
    ck_mark "$1" "$2"
    ck_kill "$ck_cp" "$2"
    ck_i=0
    while [ "$ck_i" -lt 10 ] && ck_group "$ck_cp"; do ck_nap; done
    ck_state
    [ "$ck_phase" = gone ] && printf 'end - %s\n' "$1" >> "$ck_d.record"
}

ck_watch() {
    trap 'kill "$ck_z"; exit' TERM # or its sleep would outlive the job by hours
    while [ "$ck_tmo" -gt 0 ]; do # by tens, since what was told a job may be that it is paused: that time is not its own
        ck_n=$((ck_tmo < 10 ? ck_tmo : 10)) ck_x=
        sleep "$ck_n" &
        ck_z=$!
        wait "$ck_z" || exit # somebody ended the sleep: no timeout
        { read -r ck_x < "$ck_d/told"; } 2>/dev/null
        [ "$ck_x" = 0 ] || ck_tmo=$((ck_tmo - ck_n))
    done
    trap - TERM
    ck_ender timeout 50
}

# In the wrapper, the command being gone: the rest of its group is still being ended.
ck_ended() {
    ck_how= ck_n= ck_i=0
    until read -r ck_how ck_n < "$ck_d.ending" || [ "$ck_i" -ge 10 ]; do ck_nap; done # it is made, then written
    ck_how=${ck_how:-cancelled}
    ck_i=0
    while [ "$ck_i" -le "$((ck_n + 5))" ] && ck_group "$ck_cp"; do ck_nap; done
    kill -KILL "-$ck_cp"
}

# --- the wrapper: 6 and 7 are the job's output, 8 is where notices go, 9 the lock on its target, which children inherit

ck_wrap() {
    ck_text=
    if ! printf 'going\n' >> "$ck_d.record"; then ck_refuse "its record cannot be written"; return; fi
    # Its control shell died before naming this wrapper, and another took the job for one that nobody had begun.
    if [ -z "$ck_second" ] && [ -e "$ck_d.again" ]; then return; fi
    ck_f1= ck_f2= ck_wd= ck_how=-
    if [ -z "$ck_pip" ]; then
        ck_exec >&6 2>&7 6>&- 7>&- 8>&- &
        ck_cp=$!
    else
        ck_piped || { ck_refuse "no named pipe could be made beside $ck_d"; return; }
    fi
    ck_stat "$ck_cp"
    ck_cs=$ck_st
    printf 'command %s %s\n' "$ck_cp" "$ck_cs" >> "$ck_d.record"
    if [ -e "$ck_d.ending" ]; then
        ck_kill "$ck_cp" 0
    elif [ -n "$ck_tmo" ]; then
        ck_watch 6>&- 7>&- 8>&- 9>&- &
        ck_wd=$!
    fi
    wait "$ck_cp"
    ck_exit=$?
    if [ -e "$ck_d.ending" ]; then ck_ended; elif [ -n "$ck_wd" ]; then kill "$ck_wd"; fi
    ck_drain
    ck_record
}

ck_refuse() {
    ck_how=- ck_cs=
    printf 'error %s\n' "$1" >> "$ck_d.record"
    ck_exit=126
    ck_record
}

# The process becomes the command. ck_argv, made for each start, exports its variables and executes its arguments with setsid.
ck_exec() {
    umask "$ck_um"
    if [ -n "$ck_cwd" ] && ! CDPATH= cd -- "$ck_cwd" 2> /dev/null; then
        printf 'error cannot enter %s\n' "$ck_cwd" >> "$ck_d.record"
        exit 126
    fi
    export COCKPIT_JOB="$ck_d"
    if [ -n "$ck_prg" ]; then
        ck_program
    else
        ck_argv /bin/sh -c "$ck_cmd"
    fi
} < /dev/null

# What the kernel does with a first line, by hand: the directory may be on a noexec mount.
ck_program() {
    ck_x= ck_y=
    read -r ck_x ck_y < "$ck_d.program"
    case $ck_x in
        '#!') ck_x=${ck_y%%[ 	]*} ck_y=${ck_y#"$ck_x"} ck_y=${ck_y#"${ck_y%%[! 	]*}"} ;;
        '#!'*) ck_x=${ck_x#??} ;;
        ?ELF*) chmod 700 "$ck_d.program" && ck_argv "$ck_d.program" ;;
        *) ck_x=/bin/sh ck_y= ;;
    esac
    if [ -n "$ck_y" ]; then ck_argv "$ck_x" "$ck_y" "$ck_d.program"; else ck_argv "$ck_x" "$ck_d.program"; fi
}

# Files are named when a job's output must not be reopened by name: a script's `> /dev/stderr` would empty a plain file.
ck_piped() {
    mkfifo "$ck_d.po" "$ck_d.pe" || return
    "$ck_pip" < "$ck_d.po" >&6 6>&- 7>&- 8>&- 9>&- &
    ck_f1=$!
    "$ck_pip" < "$ck_d.pe" >&7 6>&- 7>&- 8>&- 9>&- &
    ck_f2=$!
    ck_exec > "$ck_d.po" 2> "$ck_d.pe" 6>&- 7>&- 8>&- &
    ck_cp=$!
}

# What the command wrote is still in the pipes. A daemon that it left behind may hold them open for ever.
ck_drain() {
    [ -n "$ck_f1" ] || return 0
    ck_i=0
    while [ "$ck_i" -lt 100 ] && { ck_stat "$ck_f1" || ck_stat "$ck_f2"; }; do
        sleep 0.02 || sleep 1
        ck_i=$((ck_i + 1))
    done
}

ck_record() {
    trap '' PIPE
    LC_ALL=C
    [ "$ck_exit" = 126 ] && ck_load
    if printf 'end %s %s\n' "$ck_exit" "$ck_how" >> "$ck_d.record"; then
        ck_tell "$ck_how" || { ck_sync; return; }
        read -r ck_t1 ck_x < /proc/uptime
        # A result that a live engine has heard, of work that took no time, is not worth a flush: after a power cut the
        # job shows as `rebooted`, never as done or failed.
        [ "$((${ck_t1%.*} - ${ck_cs:-0} / 100))" -lt 2 ] || ck_sync
        return
    fi
    ck_tell record
    chmod u+x "$ck_d.record"
    while [ -e "$ck_d.record" ]; do
        sleep 5
        if printf '\nend %s %s\n' "$ck_exit" "$ck_how" >> "$ck_d.record"; then break; fi
    done
    ck_sync
}

# Where `sync` knows no files it flushes everything, which serves too.
ck_sync() { sync "$ck_d.out" "$ck_d.err" "$ck_d.record" "${ck_d%/*}"; }

# The notice: "TOKEN ended ID EXIT HOW INLINE OUT ERR", a blank, and the output itself if it is small, which saves a round
# trip. It is one line, record separators standing for newlines: bash writes line by line, and other wrappers write in between.
# How much there is: the position of the file description that the job inherited. What a shell cannot hold (NUL) shows in
# the length, and is left to be fetched.
ck_tell() {
    read -r ck_x ck_on < /proc/self/fdinfo/6
    read -r ck_x ck_en < /proc/self/fdinfo/7
    ck_in=0 ck_so= ck_se=
    if [ "$((ck_on + ck_en))" -le 2048 ] && [ -z "$ck_text" ]; then
        if [ "$ck_on" -gt 0 ]; then ck_slurp "$ck_d.out"; ck_so=$ck_s; fi
        if [ "$ck_en" -gt 0 ]; then ck_slurp "$ck_d.err"; ck_se=$ck_s; fi
        if [ ${#ck_so} = "$ck_on" ] && [ ${#ck_se} = "$ck_en" ]; then ck_in=1; else ck_so= ck_se=; fi
    fi
    printf '%s ended %s %s %s %s %s %s %s%s\n' "$ck_t" "$ck_id" "$ck_exit" "$1" "$ck_in" "$ck_on" "$ck_en" "$ck_so" "$ck_se" >&8
}

ck_slurp() {
    ck_s=
    while IFS= read -r ck_x; do
        ck_s=$ck_s$ck_x$ck_rs
        case $ck_x in *"$ck_rs"*) ck_s=; return ;; esac
    done < "$1"
    ck_s=$ck_s$ck_x
    case $ck_x in *"$ck_rs"*) ck_s= ;; esac
}
