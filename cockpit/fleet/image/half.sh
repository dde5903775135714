# cockpit: one end of an image's move where a side has no python3: answers one question, $2, as the source or the target
# ($1), about the files that follow as NAME PATH NAME PATH … (NAME: of the receipts). POSIX sh, dd, head -c, and sums.sh.
# Offsets are in MiB, lengths in bytes. Whatever is asked comes from another server: a word that this role knows and numbers
# within bounds, or nothing is done.

set -f
role=$1 ask=$2
shift 2

refuse() { echo "refused: $ask" >&2; exit 64; }

# In one line, whatever the name holds; `echo` reads a backslash in it in some shells.
shown() { printf %s "$path" | tr '\n' '?'; }

fail() { printf '%s\n' "the $role $(shown) $*" >&2; exit 65; }

number() { case $1 in '' | *[!0-9]* | 0?* | ?????????????????*) refuse ;; esac; }

case $ask in *[!a-z0-9\ ]*) refuse ;; esac
i=$(set -- $ask; echo "${2:-0}")
number "$i"
n=0 name='' path=''
for word do
    if [ "$n" = $((2 * i)) ]; then name=$word; elif [ "$n" = $((2 * i + 1)) ]; then path=$word; fi
    n=$((n + 1))
done
[ -n "$path" ] || refuse
set -- $ask
verb=$1
at=$3 long=$4

base() {
    for b in "$HOME/.cockpit" "/var/tmp/cockpit-$(id -u)" "/tmp/cockpit-$(id -u)"; do
        (umask 077; mkdir -p "$b/images") 2>/dev/null && [ -O "$b" ] && [ ! -L "$b" ] && [ -w "$b/images" ] && break
    done
    receipts=$b/images/$name.sums
}

bytes() {
    if [ -b "$path" ]; then blockdev --getsize64 "$path"; else stat -L -c %s "$path"; fi
}

# What the file is now, as one word: another size, inode or time of writing is another image.
who() {
    if [ -b "$path" ]; then echo "device$(bytes)"; else stat -L -c '%s %i %Y %y' "$path" | tr -cd '0-9' ; fi
}

# Without what dd tells when all is well. By whole lines: the name of a file may hold the same words.
quiet() { { LC_ALL=C "$@" 2>&1 >&3 3>&- | { grep -v -e '^[0-9]*+[0-9]* records ' -e '^[0-9]* bytes* ' >&2 || :; }; } 3>&1; }

piece() { quiet dd if="$path" bs=$MIB skip="$at" count=$(((long + MIB - 1) / MIB)); }

straight() { dd if="$path" bs=$MIB skip="$at" count=$(((long + MIB - 1) / MIB)) iflag=direct 2>/dev/null; }

# The last MiB may go on behind the image: a device is larger, a live file grows.
cut_off() { head -c "$long"; }

put() { quiet dd of="$path" ibs=65536 obs=65536 seek=$((at * 16)) conv="$1"; }

hole() { fallocate -p -o $((at * MIB)) -l "$long" "$path" 2>/dev/null; }

number_of() { printf '%d:%d\n' $(stat -L -c '0x%t 0x%T' "$1"); }

# MAJOR:MINOR of what is mounted by any process that can be seen, or swapped to. btrfs tells of itself, not of its devices.
used() {
    set +f
    cut -d ' ' -f 3 /proc/self/mountinfo || return 1
    cat /proc/[0-9]*/mountinfo 2>/dev/null | cut -d ' ' -f 3 | sort -u
    cat /sys/fs/btrfs/*/devices/*/dev 2>/dev/null
    { cut -d ' ' -f 1 /proc/mounts; cut -d ' ' -f 1 /proc/swaps; } 2>/dev/null | sort -u | while read -r device; do
        case $device in /*) [ ! -b "$device" ] || number_of "$device" ;; esac
    done
}

# The device, its partitions, or the disk that it is a partition of: mounted, swapped to, or held by LVM, md or dm. One of
# which that can't be told is in use.
busy() {
    at_sys=/sys/dev/block/$(number_of "$path")
    mounted=$(used) && [ -d "$at_sys/holders" ] || return 0
    set +f
    set -- "$at_sys" "$at_sys"/*/partition
    set -f
    [ ! -e "$at_sys/partition" ] || set -- "$at_sys" "$at_sys/../partition"
    for each do
        each=${each%/partition}
        [ -e "$each/dev" ] || continue
        [ -z "$(ls -A "$each/holders")" ] && ! echo "$mounted" | grep -qx "$(cat "$each/dev")" || return 0
    done
    return 1
}

odd() { [ -e "$path" ] && [ ! -b "$path" ] && [ ! -f "$path" ] || { [ -L "$path" ] && [ ! -b "$path" ]; }; }

there() {
    odd && fail "is no file and no block device"
    [ -e "$path" ] || fail "is not there"
    [ -r "$path" ] || fail "may not be opened"
}

sums() { # VERB I SIZE WHO SUM…
    [ $# -gt 4 ] || refuse
    shift 4
    for each do known "$each" || refuse; done
}

# A chunk's place: on the grid, and inside.
within() {
    number "$at"
    number "$long"
    [ $((at % CHUNK)) = 0 ] && [ "$long" -gt 0 ] && [ "$long" -le $((CHUNK * MIB)) ] && [ "$at" -lt 10000000000 ] || refuse
    there
    [ $((at * MIB + long)) -le "$(bytes)" ] || fail "became shorter while it was copied"
}

begin() { # I SIZE WHO SUM…: the best one first; what was begun by another of them goes on by that
    base
    mark=device
    head='' state=write sum=$5
    if [ -b "$path" ]; then
        busy && fail "is mounted or in use"
        [ "$(bytes)" -ge "$3" ] || fail "has $(bytes) bytes, its source $3"
        state=clean
    elif odd; then
        fail "is no file and no block device"
    elif [ -e "$path" ] && [ "$(stat -L -c %h "$path")" -gt 1 ]; then # its other names are not ours to change
        rm -f "$path" && (umask 077; set -C; : > "$path") || exit 1
    elif [ -s "$path" ]; then
        state=compare
    else
        (umask 077; : >> "$path") || exit 1
    fi
    [ -b "$path" ] || mark=$(stat -L -c %i "$path")
    [ -f "$receipts" ] && read -r head < "$receipts"
    for each do
        [ "$each" = "$5" ] || [ "$each" != ck ] || continue # where there is a better one, what lies there is compared by that
        case $head in "head $4 $each $mark "*) sum=$each ;; esac
    done
    case $head in
        "head $4 $sum $mark "*) # a target that was emptied or rewritten since: it was given its size before its first receipt
            if [ ! -b "$path" ] && [ "$(bytes)" != "$3" ] && { [ -s "$path" ] || grep -q '^chunk ' "$receipts"; }; then head=''
            elif [ ! -b "$path" ] && [ "${4#device}" = "$4" ] && grep -q "^done $(who)\$" "$receipts"; then state=done
            elif grep -q '^done ' "$receipts"; then head='' state=compare
            else state=${head##* }; fi ;;
        ?*) head='' state=compare ;;
    esac
    if [ -z "$head" ]; then
        sum=$5
        printf 'head %s %s %s %s\n' "$4" "$sum" "$mark" "$state" > "$receipts" || exit 1
    fi
    if [ -f "$path" ] && [ "$(bytes)" != "$3" ]; then dd if=/dev/null of="$path" bs=1 seek="$3" count=0 2>/dev/null || exit 1; fi
    echo "$state $sum"
    sed -n 's/^chunk \([0-9]* [a-z0-9]*\)$/\1/p' "$receipts"
}

end() { # I SIZE MODE UID GID SECONDS, of a device as the source only I SIZE
    base
    there
    [ ! -f "$path" ] || dd if=/dev/null of="$path" bs=1 seek="$3" count=0 2>/dev/null || exit 1
    if [ -f "$path" ] && [ $# = 7 ]; then
        chown "$5:$6" "$path" 2>/dev/null || chgrp "$6" "$path" 2>/dev/null
        chmod "$4" "$path" && touch -d "@$7" "$path" || exit 1
    fi
    sync
    printf 'done %s\n' "$(who)" >> "$receipts"
}

case "$role $verb" in
    "source tools" | "target tools") ;;
    "source look") there ;;
    "source read" | "target take" | "target zero") within ;;
    "source sum" | "target sum" | "target prove") within; known "$5" || refuse ;;
    "target begin") number "$3"; sums "$@" ;;
    "target have") number "$at" ;;
    "target end") for word in "$3" "${4:-0}" "${5:-0}" "${6:-0}" "${7:-0}"; do number "$word"; done ;;
    *) refuse ;;
esac

case $verb in
    tools) tried ;;
    look) printf '%s\n' "$(bytes) $(who) $(stat -L -c '%a %u %g %Y' "$path")" "$(shown)" ;;
    read) piece | cut_off ;;
    sum) piece | cut_off | sum "$5" ;;
    prove) { straight || piece; } | cut_off | sum "$5" ;;
    begin) begin "$@" || exit 1 ;;
    take) # I AT LONG sparse|whole
        how=notrunc,fsync
        if [ "$5" = sparse ] && dd if=/dev/null of=/dev/null conv=sparse 2>/dev/null; then how=$how,sparse; fi
        cut_off | put "$how"
        ;;
    zero) hole || head -c "$long" /dev/zero | put notrunc,fsync ;;
    have) base; printf 'chunk %s %s\n' "$at" "$long" >> "$receipts" ;;
    end) end "$@" || exit 1 ;;
esac
