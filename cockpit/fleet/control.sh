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
ck_join=
if dd ibs=1 obs=2 < /dev/null > /dev/null 2>&1; then ck_join=1; fi # a small busybox has none of these
ck_base= ck_prg= ck_go=

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
    if [ -z "$ck_join" ]; then ck_polled "$@"; return; fi
    ck_polled "$@" | dd ibs=65536 obs=1048576 2>/dev/null # at once: each piece would be a packet, and each packet wakes who asked
}
ck_polled() { # ID OUT ERR …
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

# N ID; ck_say: what a job that runs, or is about to, finds told to it from now on.
ck_told() {
    ck_n=$1 ck_w=ok
    ck_find "$2"
    ck_state
    case $ck_phase in running | prepared) ck_store || ck_w=record ;; esac
    ck_put "told $ck_w"
    ck_said
}

# N ID FIFTHS
ck_cancel() {
    ck_n=$1
    ck_find "$2"
    ck_state
    case $ck_phase in
        running)
            ck_mark cancelled "$3"
            ck_load # the wrapper looks for that mark when it has named the command: one of the two sees the other
            [ -z "$ck_cp" ] || ck_ender cancelled "$3" < /dev/null > /dev/null 2>&1 8>&- &
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

# N FORCE; ck_ses ck_who ck_at ck_tok. Replies with the claim that is there afterwards.
ck_claim() {
    ck_n=$1
    ck_each ck_claimed
    if [ -n "$2" ]; then
        [ "${ck_c1:-$ck_ses}" = "$ck_ses" ] || { rm -f "$ck_cf"; ck_c1=; }
        rm -f "$ck_signs"* 2>/dev/null # its own; those of others only root can
    fi
    ck_mine
    if [ "${ck_c1:-$ck_ses}" = "$ck_ses" ] && { [ -n "$2" ] || ! ck_rival; }; then
        ck_hold
        if [ "$ck_c1" = "$ck_ses" ] && [ -z "$ck_own" ]; then
            ck_sign
            # Of two who look, find nobody and leave their signs, the second sees the first, whichever is older.
            if [ -z "$2" ] && ck_rival; then rm -f "$ck_cf" "$ck_signs$ck_ses~"*; fi
        fi
    fi
    ck_put "claim ${ck_c1:--} ${ck_c2:--} $ck_c3"
    ck_put end
}
ck_hold() {
    [ -z "$ck_c1" ] && ck_choose || return 0
    set -C
    if { printf '' > "$ck_base/claim"; } 2>/dev/null; then
        printf '%s\n%s\n%s\n' "$ck_ses" "$ck_at" "$ck_who" >> "$ck_base/claim" || rm -f "$ck_base/claim"
    fi
    set +C
    ck_each ck_claimed
}
ck_claimed() {
    ck_cf=$ck_e/claim ck_c1= ck_c2= ck_c3=
    [ -e "$ck_cf" ] || return 1
    ck_i=0
    until { read -r ck_c1 && read -r ck_c2 && read -r ck_c3; } < "$ck_cf" || [ "$ck_i" -ge 5 ]; do ck_nap; done # it is made, then written
    [ -n "$ck_c3" ] || ck_c1=unknown
}

# A claim is seen by its own user alone, so a night also leaves a sign where every user can: SESSION~TIME~PERSON~TOKEN, as the
# name of an empty file. Nothing there is opened or followed, for a hostile user may have made it a pipe, a link or worse, and
# the token cannot be guessed: the most that such a one can bring about is the question.
ck_signs=${COCKPIT_PUBLIC:-/var/tmp}/cockpit-night~

# -> ck_own, our sign
ck_mine() {
    ck_own=
    for ck_f in "$ck_signs$ck_ses~"*; do
        if [ -O "$ck_f" ] && [ ! -L "$ck_f" ]; then ck_own=$ck_f; fi
    done
}

# -> ck_c1 ck_c2 ck_c3 of another user's night, one that left its sign after ck_own
ck_rival() {
    for ck_f in "$ck_signs"*; do
        case $ck_f in "$ck_signs$ck_ses~"*) continue ;; esac
        if [ ! -f "$ck_f" ] || [ -L "$ck_f" ] || [ -O "$ck_f" ]; then continue; fi
        if [ -z "$ck_own" ] || [ ! "$ck_f" -ot "$ck_own" ]; then ck_read_sign; return 0; fi
    done
    return 1
}
ck_read_sign() {
    ck_c1= ck_c2= ck_c3= ck_x=${ck_f##*/cockpit-night~}
    case $ck_x in
        *[!A-Za-z0-9_@=,+.%~-]* | -*) ;;
        *~*~*~*) ck_c1=${ck_x%%~*} ck_x=${ck_x#*~} ck_c2=${ck_x%%~*} ck_x=${ck_x#*~} ck_c3=${ck_x%%~*} ;;
    esac
    set -f
    set -- $(ls -ld "$ck_f")
    set +f
    ck_c1=${ck_c1:-unknown} ck_c3="${ck_c3:-somebody} (login $3)"
}
ck_sign() {
    set -C
    printf '' > "$ck_signs$ck_ses~$ck_at~$ck_who~$ck_tok"
    set +C
} 2>/dev/null

# N; ck_ses. Another session's claim stays.
ck_release() {
    ck_n=$1
    rm -f "$ck_signs$ck_ses~"*
    if ck_each ck_claimed && [ "$ck_c1" = "$ck_ses" ]; then rm -f "$ck_cf"; fi
    ck_put end
}

# N; ck_ses. What still runs stays, and so does the epoch: an old engine that wakes up later finds itself replaced.
ck_remove() {
    ck_n=$1 ck_kept=0
    rm -f "$ck_signs$ck_ses~"*
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
        for ck_list in "$ck_e/jobs/$ck_ses/"images-*; do
            [ -f "$ck_list" ] || continue
            while read -r ck_name _; do
                case $ck_name in *[!0-9a-f]* | '') ;; *) rm -f "$ck_e/images/$ck_name" "$ck_e/images/$ck_name".* ;; esac
            done < "$ck_list"
        done
        rm -rf "$ck_e/jobs/$ck_ses"
    else
        for ck_d in "$ck_e/jobs/$ck_ses/"*.record; do
            ck_d=${ck_d%.record}
            ck_state
            [ "$ck_phase" = running ] || rm -rf "$ck_d" "$ck_d.record" "$ck_d.out" "$ck_d.err" "$ck_d.program" "$ck_d.ending" "$ck_d.again" "$ck_d.po" "$ck_d.pe"
        done
    fi
    ck_kept=$((ck_kept + ck_here))
    rm -f "$ck_e/up.$ck_ses."*
    if ck_claimed && [ "$ck_c1" = "$ck_ses" ]; then rm -f "$ck_cf"; fi
    return 1
}
