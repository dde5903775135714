# cockpit: the requests that a control shell answers, one at a time. Fed to /bin/sh after wrapper.sh; ck_t is this shell's
# token. A reply is made of sections: a newline, "TOKEN N WORD …", a newline, and for `data` the raw bytes; `end` is the last.

ck_um=$(umask)
umask 077
exec 8>&2
ck_setsid=$(command -v setsid)
ck_flock=$(command -v flock)
ck_stat "$$"
ck_self=$ck_st
ck_uid=$(id -u)
ck_base= ck_prg= ck_go=
ck_newer='an engine with a newer epoch has taken over'

ck_put() { printf '\n%s %s %s\n' "$ck_t" "$ck_n" "$1"; }

# Only directories of ours count: anyone may make one in /var/tmp.
ck_ours() { [ -d "$1" ] && [ -O "$1" ] && { [ "$1" = "$HOME/.cockpit" ] || [ ! -L "$1" ]; }; }

# ck_each COMMAND…: for every base that is there, in the order in which they are chosen, until it says yes
ck_each() {
    for ck_e in "$HOME/.cockpit" "/var/tmp/cockpit-$ck_uid" "/tmp/cockpit-$ck_uid"; do
        if ck_ours "$ck_e" && "$@"; then return 0; fi
    done
    return 1
}

# -> ck_base, the first in which a file can be written
ck_choose() {
    [ -n "$ck_base" ] && return 0
    for ck_e in "$HOME/.cockpit" "/var/tmp/cockpit-$ck_uid" "/tmp/cockpit-$ck_uid"; do
        if [ -d "$ck_e/locks" ] || mkdir -p "$ck_e/jobs" "$ck_e/locks"; then
            if ck_ours "$ck_e" && printf '' >> "$ck_e/jobs/.w"; then ck_base=$ck_e; return 0; fi
        fi
    done
    return 1
} 2>/dev/null

# ID -> ck_d, what its files are called without their endings, or nothing
ck_find() {
    ck_d=
    ck_each ck_find_in "$1"
}
ck_find_in() {
    for ck_d in "$ck_e/jobs/"*/"$1.record"; do
        ck_d=${ck_d%.record}
        [ -e "$ck_d.record" ] && return 0
    done
    ck_d=
    return 1
}

ck_hello() {
    ck_n=$1
    ck_boot
    ck_choose
    ck_put "hello ${ck_b:--} $ck_uid ${ck_setsid:--} ${ck_base:--}"
    ck_put end
}

ck_ping() {
    ck_n=$1
    ck_put end
}

# --- starting

# True when this session has been served with a higher epoch than ck_epo: the asking engine was replaced.
ck_stale() { ck_each ck_stale_in; }
ck_stale_in() {
    for ck_f in "$ck_e/epochs/$ck_ses/"*; do
        [ -e "$ck_f" ] && [ "${ck_f##*/}" -gt "$ck_epo" ] && return 0
    done
    return 1
}

# One file for each epoch, made once and never written: there is no moment at which it could be read half.
ck_serve() {
    ck_f=$ck_base/epochs/$ck_ses/$ck_epo
    [ -e "$ck_f" ] && [ -d "$ck_base/jobs/$ck_ses" ] && return 0
    mkdir -p "$ck_base/jobs/$ck_ses" "${ck_f%/*}"
    printf '' > "$ck_f" && sync "$ck_f" "${ck_f%/*}"
}

ck_epoch() {
    ck_n=$1
    ck_w=ok
    if ck_stale; then ck_w=stale; elif ! ck_choose || ! ck_serve; then ck_w=record; fi
    ck_put "epoch $ck_w"
    ck_put end
}

ck_said() {
    ck_put "job 0 $ck_phase $ck_exit $ck_how $ck_text"
    ck_put end
}

# HOW WORDS: it was not started, and nothing is recorded: asking again is safe
ck_no() {
    exec 9>&-
    [ "$1" = record ] && ck_base=
    ck_phase=ended ck_exit=- ck_how=$1 ck_text=$2
    ck_said
}

# What the request gave is forgotten at once: from here on only the job's wrapper knows its secrets.
ck_start() {
    ck_n=$1
    ck_begin
    ck_argv() { :; }
    ck_msk= ck_cmd= ck_prg=
}

ck_begin() {
    ck_find "$ck_id"
    ck_state
    case $ck_phase in absent | prepared) ;; *) ck_unload; ck_said; return ;; esac
    if ck_stale; then ck_no stale-epoch "$ck_newer"; return; fi
    if ! ck_choose; then ck_no record "no directory for job records can be written"; return; fi
    if ! ck_serve; then ck_no record "no job can be recorded in $ck_base"; return; fi
    [ -n "$ck_d" ] || ck_d=$ck_base/jobs/$ck_ses/$ck_id
    if ck_lock; then
        ck_launch
    else
        ck_locked
        case $ck_phase in absent | prepared) ck_no locked "$ck_lname is in use by job $ck_holder" ;; *) ck_said ;; esac
    fi
    exec 9>&-
}

# Whoever makes the record begins the command. One that was recorded and never begun is entered again, once: whoever makes
# .again; the first wrapper, should it be there after all, has said `going` before it looks for that file.
ck_launch() {
    ck_second= ck_l=$ck_d.record
    [ "$ck_phase" = absent ] || ck_second=1 ck_l=$ck_d.again
    set -C
    { printf '' > "$ck_l"; } 2>/dev/null
    ck_x=$?
    set +C
    if [ "$ck_x" != 0 ] || [ -n "$ck_second" ]; then ck_state; fi
    if [ "$ck_x" != 0 ] && [ "$ck_phase" = absent ]; then
        ck_no record "the job's record cannot be written to $ck_d.record"
    elif [ "$ck_x" != 0 ] || [ -n "$ck_go" ]; then
        ck_unload
        ck_said
    elif ! ck_write; then
        rm -f "$ck_l"
        ck_no record "the job's record cannot be written to $ck_d.record"
    elif ck_stale; then # asked again with the record there: a new engine first leaves its epoch and then looks for records
        rm -f "$ck_l"
        ck_no stale-epoch "$ck_newer"
    else
        exec 6>> "$ck_d.out" 7>> "$ck_d.err"
        ck_wrap < /dev/null > /dev/null 2>&1 &
        printf 'wrapper %s\n' "$!" >> "$ck_d.record"
        exec 6>&- 7>&-
        ck_phase=running
        ck_said
    fi
}

ck_write() {
    ck_boot
    printf 'start %s %s %s\n%s\n' "$ck_b" "$$" "$ck_self" "$ck_words" >> "$ck_d.record" || return
    printf '' >> "$ck_d.out" && printf '' >> "$ck_d.err" || return
    [ -z "$ck_prg" ] || mv "$ck_base/$ck_prg" "$ck_d.program"
} 2>/dev/null

# The lock on what no two jobs may touch. flock's is inherited by all that the command starts, however they leave its group.
ck_lock() {
    [ -n "$ck_lck" ] || return 0
    ck_holder=
    ck_lf=$ck_base/locks/$ck_lck
    if [ -z "$ck_flock" ]; then ck_lock_by_turns "$ck_lf" "$ck_d"; return; fi
    { printf '' >> "$ck_lf"; } 2>/dev/null || return
    exec 9>> "$ck_lf"
    if "$ck_flock" -n 9; then printf '%s\n' "$ck_id" > "$ck_lf"; return 0; fi
    read -r ck_holder < "$ck_lf"
    return 1
}

# A second start of this very job finds its lock held by the first, which is about to make the record.
ck_locked() {
    ck_y=0
    while ck_nap; ck_y=$((ck_y + 1)); ck_state; [ "$ck_phase" = absent ] && [ "$ck_y" -lt 10 ]; do
        ck_holder=
        { read -r ck_holder < "$ck_lf"; } 2>/dev/null
        [ -z "$ck_holder" ] || [ "$ck_holder" = "$ck_id" ] || break
    done
}

# LOCK DIRECTORY. No flock(1): a file for each turn, never removed, so that two who find the last holder dead cannot both
# take its place.
ck_lock_by_turns() {
    ck_turn=0
    while [ -e "$1.$((ck_turn + 1))" ]; do ck_turn=$((ck_turn + 1)); done
    if [ "$ck_turn" -gt 0 ]; then
        ck_lf=$1.$ck_turn
        read -r ck_holder < "$ck_lf"
        ck_busy "$ck_holder" && { ck_d=$2; return 1; }
        ck_d=$2
    fi
    set -C
    { printf '%s\n' "$ck_id" > "$1.$((ck_turn + 1))"; } 2>/dev/null
    ck_x=$?
    set +C
    return "$ck_x"
}
ck_busy() {
    [ -n "$1" ] || return 0
    [ "$1" != "$ck_id" ] || return 1
    ck_find "$1"
    ck_state
    [ "$ck_phase" = running ] || { [ -n "$ck_cp" ] && ck_group "$ck_cp"; }
}

# A program's bytes on their way: FILE, then `printf %b` text
ck_piece() {
    if ck_choose; then printf '%b' "$2" >> "$ck_base/$1"; fi
}
ck_unload() { [ -z "$ck_prg" ] || rm -f "$ck_base/$ck_prg"; }

# --- looking

ck_look() {
    ck_n=$1
    ck_find "$2"
    ck_state
    ck_sized
}

ck_sized() {
    ck_x='- -'
    if [ -n "$ck_d" ]; then ck_x="$(ck_size out) $(ck_size err)"; fi
    ck_put "size $ck_x"
    ck_said
}

ck_size() { if [ -s "$ck_d.$1" ]; then wc -c < "$ck_d.$1"; else echo 0; fi; }

# N BLOCKS, then ID OUT ERR for each job: its state, and then its output from these blocks on (4096 bytes each). The state
# is taken first: of a job that had ended by then, what is read up to the end of the file is all there will ever be.
ck_poll() {
    ck_n=$1 ck_blocks=$2 ck_j=0
    shift 2
    while [ $# -gt 0 ]; do
        ck_find "$1"
        ck_state
        ck_put "job $ck_j $ck_phase $ck_exit $ck_how $ck_text"
        [ -s "$ck_d.out" ] && ck_read out "$2"
        [ -s "$ck_d.err" ] && ck_read err "$3"
        ck_j=$((ck_j + 1))
        shift 3
    done
    ck_put end
}
ck_read() {
    ck_put "data $ck_j $1"
    dd if="$ck_d.$1" bs=4096 skip="$2" count="$ck_blocks" 2>/dev/null
}

# N ID FIFTHS
ck_cancel() {
    ck_n=$1
    ck_find "$2"
    ck_state
    case $ck_phase in
        running)
            if [ -n "$ck_cp" ]; then ck_ender cancelled "$3" < /dev/null > /dev/null 2>&1 8>&- &
            else ck_mark cancelled "$3"; fi
            ;;
        gone) # its leader was killed; what it left behind is still its
            if [ -n "$ck_cp" ] && ! ck_stat "$ck_cp" && ck_group "$ck_cp"; then
                ck_phase=running
                ck_ender cancelled "$3" < /dev/null > /dev/null 2>&1 8>&- &
            fi
            ;;
    esac
    ck_said
}

# --- the server's lock, and forgetting

# N FORCE; ck_ses ck_who ck_at. Replies with the claim that is there afterwards.
ck_claim() {
    ck_n=$1
    ck_each ck_claimed
    if [ -n "$ck_c1" ] && [ "$ck_c1" != "$ck_ses" ] && [ -n "$2" ]; then
        rm -f "$ck_cf"
        ck_c1=
    fi
    if [ -z "$ck_c1" ] && ck_choose; then
        set -C
        { printf '%s\n%s\n%s\n' "$ck_ses" "$ck_at" "$ck_who" > "$ck_base/claim"; } 2>/dev/null
        set +C
        ck_each ck_claimed
    fi
    ck_put "claim ${ck_c1:--} ${ck_c2:--} $ck_c3"
    ck_put end
}
ck_claimed() {
    ck_cf=$ck_e/claim ck_c1= ck_c2= ck_c3=
    [ -e "$ck_cf" ] || return 1
    { read -r ck_c1 && read -r ck_c2 && read -r ck_c3; } < "$ck_cf"
    [ -n "$ck_c3" ] || ck_c1=unknown
}

# N; ck_ses. Another session's claim stays.
ck_release() {
    ck_n=$1
    if ck_each ck_claimed && [ "$ck_c1" = "$ck_ses" ]; then rm -f "$ck_cf"; fi
    ck_put end
}

# N; ck_ses. What still runs stays, and so does the epoch: an old engine that wakes up later finds itself replaced.
ck_remove() {
    ck_n=$1 ck_kept=0
    ck_each ck_remove_in
    ck_put "removed $ck_kept"
    ck_put end
}
ck_remove_in() {
    ck_here=0
    for ck_d in "$ck_e/jobs/$ck_ses/"*.record; do
        ck_d=${ck_d%.record}
        ck_state
        [ "$ck_phase" != running ] || ck_here=$((ck_here + 1))
    done
    if [ "$ck_here" = 0 ]; then
        rm -rf "$ck_e/jobs/$ck_ses"
    else
        for ck_d in "$ck_e/jobs/$ck_ses/"*.record; do
            ck_d=${ck_d%.record}
            ck_state
            [ "$ck_phase" = running ] || rm -f "$ck_d.record" "$ck_d.out" "$ck_d.err" "$ck_d.program" "$ck_d.ending" "$ck_d.again" "$ck_d.po" "$ck_d.pe"
        done
    fi
    ck_kept=$((ck_kept + ck_here))
    rm -f "$ck_e/up.$ck_ses."*
    if ck_claimed && [ "$ck_c1" = "$ck_ses" ]; then rm -f "$ck_cf"; fi
    return 1
}
