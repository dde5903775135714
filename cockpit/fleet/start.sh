# cockpit: beginning a job exactly once: the epoch, the lock on its target, the record that only one can make. Fed to a control
# shell. The request sets ck_id ck_ses ck_epo ck_cmd ck_words ck_cwd ck_tmo ck_lck ck_lname ck_prg ck_sum ck_pip ck_msk ck_say
# ck_argv.

ck_newer='an engine with a newer epoch has taken over'

# True when this session has been served with a higher epoch than ck_epo: the asking engine was replaced.
ck_stale() { ck_each ck_stale_in; }
ck_stale_in() {
    for ck_f in "$ck_e/epochs/$ck_ses/"*; do
        [ -e "$ck_f" ] && [ "${ck_f##*/}" -gt "$ck_epo" ] && return 0
    done
    return 1
}

# One file for each epoch, made once and never written: there is no moment at which it could be read half. Only that: it may be
# left after the session's records were taken away, when an engine comes back to a night that is over.
ck_serve() {
    ck_f=$ck_base/epochs/$ck_ses/$ck_epo
    [ -e "$ck_f" ] && return 0
    mkdir -p "${ck_f%/*}"
    printf '' > "$ck_f" && sync "$ck_f" "${ck_f%/*}"
}

ck_room() { [ -d "$ck_base/jobs/$ck_ses" ] || mkdir -p "$ck_base/jobs/$ck_ses"; }

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
    ck_unload
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
    if [ "$ck_pip" = ck_mask ] && ! { command -v od && command -v awk; } > /dev/null; then ck_no tools "od or awk"; return; fi
    if ! ck_choose; then ck_no record "no directory for job records can be written"; return; fi
    if ! ck_serve || ! ck_room; then ck_no record "no job can be recorded in $ck_base"; return; fi
    if ! ck_whole; then ck_no program "its disk may be full"; return; fi
    [ -n "$ck_d" ] || ck_d=$ck_base/jobs/$ck_ses/$ck_id
    if ck_lock; then
        ck_launch
    else
        ck_locked
        case $ck_phase in absent | prepared) ck_no locked "$ck_lname is in use by job $ck_holder" ;; *) ck_said ;; esac
    fi
    exec 9>&-
}

# Has all of the program arrived? A disk that was full for a moment left a hole, and what stands around it would run. Where
# there is no cksum(1), the size tells: pieces are only ever added.
ck_whole() {
    [ -n "$ck_prg" ] || return 0
    [ "$(wc -c < "$ck_base/$ck_prg")" -eq "${ck_sum#* }" ] || return
    if command -v cksum > /dev/null; then [ "$(cksum < "$ck_base/$ck_prg")" = "$ck_sum" ]; fi
} 2>/dev/null

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
    [ -z "$ck_say" ] || ck_store || return
    [ -z "$ck_prg" ] || mv "$ck_base/$ck_prg" "$ck_d.program"
} 2>/dev/null

# ck_say, as `printf %b` text, whole or not at all: a reader never meets half a number.
ck_store() {
    mkdir -p "$ck_d" && printf '%b' "$ck_say" > "$ck_d/told.$$" && mv -f "$ck_d/told.$$" "$ck_d/told"
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

