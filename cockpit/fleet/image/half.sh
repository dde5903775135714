# cockpit: one end of an image's move where a side has no python3: answers one question, given as $1, about the files that
# follow as NAME PATH NAME PATH … (NAME: of the receipts). POSIX sh, dd, and some sum. Offsets and lengths are in MiB.
# Whatever is asked comes from another server: a known word and numbers, or nothing is done.

set -f
ask=$1
shift
case $ask in *[!a-z0-9\ ]*) echo "refused: $ask" >&2; exit 64 ;; esac

i=$(set -- $ask; echo "${2:-0}")
n=0 name='' path=''
for word do
    if [ "$n" = $((2 * i)) ]; then name=$word; elif [ "$n" = $((2 * i + 1)) ]; then path=$word; fi
    n=$((n + 1))
done
set -- $ask
verb=$1
at=$3 long=$4
MIB=1048576

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

sum() {
    case $1 in
        sha256) sha256sum ;;
        md5) md5sum ;;
        *) cksum ;;
    esac | { read -r a b rest; case $a$b in *-) echo "$a" ;; *) echo "$a$b" ;; esac; } | tr -cd 'a-z0-9'
}

# Without what dd tells when all is well.
quiet() { { "$@" 2>&1 >&3 3>&- | grep -v -e records -e copied -e ' bytes' >&2; } 3>&1; }

piece() { quiet dd if="$path" bs=$MIB skip="$at" count="$long"; }

straight() { dd if="$path" bs=$MIB skip="$at" count="$long" iflag=direct 2>/dev/null; }

hole() { fallocate -p -o $((at * MIB)) -l $((long * MIB)) "$path" 2>/dev/null; }

busy() {
    while read -r device _; do [ "$device" -ef "$path" ] && return 0; done < /proc/mounts
    grep -q "^$(readlink -f "$path") " /proc/swaps 2>/dev/null
}

begin() { # I SIZE WHO TOOL
    base
    mark=device
    known='' state=write
    if [ -b "$path" ]; then
        busy && { echo "the target $path is mounted or in use" >&2; exit 65; }
        [ "$(bytes)" -ge "$3" ] || { echo "the target $path has $(bytes) bytes, its source $3" >&2; exit 65; }
        state=clean
    elif [ -e "$path" ] && [ ! -f "$path" ]; then
        echo "the target $path is no file and no block device" >&2; exit 65
    elif [ -s "$path" ]; then
        state=compare
    else
        (umask 077; : >> "$path") || exit 1
    fi
    [ -b "$path" ] || mark=$(stat -L -c %i "$path")
    [ -f "$receipts" ] && read -r known < "$receipts"
    case $known in
        "head $4 $5 $mark "*) # a target that was emptied or rewritten since: it was given its size before its first receipt
            if [ ! -b "$path" ] && [ "$(bytes)" != "$3" ] && { [ -s "$path" ] || grep -q '^chunk ' "$receipts"; }; then known=''
            elif [ ! -b "$path" ] && grep -q "^done $(who)\$" "$receipts"; then state=done
            elif grep -q '^done ' "$receipts"; then known='' state=compare
            else state=${known##* }; fi ;;
        ?*) known='' state=compare ;;
    esac
    [ -n "$known" ] || printf 'head %s %s %s %s\n' "$4" "$5" "$mark" "$state" > "$receipts" || exit 1
    if [ -f "$path" ] && [ "$(bytes)" != "$3" ]; then dd if=/dev/null of="$path" bs=1 seek="$3" count=0 2>/dev/null || exit 1; fi
    echo "$state"
    sed -n 's/^chunk \([0-9]* [a-z0-9]*\)$/\1/p' "$receipts"
}

end() { # I SIZE MODE UID GID SECONDS
    base
    if [ -f "$path" ]; then
        dd if=/dev/null of="$path" bs=1 seek="$3" count=0 2>/dev/null || exit 1
        chown "$5:$6" "$path" 2>/dev/null || chgrp "$6" "$path" 2>/dev/null
        chmod "$4" "$path" && touch -d "@$7" "$path" || exit 1
    fi
    sync
    printf 'done %s\n' "$(who)" >> "$receipts"
}

case $verb in
    tools)
        for tool in sha256 md5; do command -v ${tool}sum > /dev/null && echo "$tool"; done
        echo ck
        ;;
    look)
        [ -f "$path" ] || [ -b "$path" ] || { echo "the source $path is not there" >&2; exit 66; }
        [ -r "$path" ] || { echo "the source $path may not be opened" >&2; exit 66; }
        echo "$(bytes) $(who) $(stat -L -c '%a %u %g %Y' "$path")"
        ;;
    read) piece ;;
    sum) piece | sum "$5" ;;
    prove) { straight || piece; } | sum "$5" ;;
    begin) begin "$@" || exit 1 ;;
    take) # I AT LONG sparse|whole
        how=notrunc,fsync
        if [ "$5" = sparse ] && dd if=/dev/null of=/dev/null conv=sparse 2>/dev/null; then how=$how,sparse; fi
        quiet dd of="$path" ibs=65536 obs=65536 seek=$((at * 16)) conv="$how"
        ;;
    zero) hole || dd if=/dev/zero of="$path" bs=$MIB seek="$at" count="$long" conv=notrunc,fsync 2>/dev/null || exit 1 ;;
    have) base; printf 'chunk %s %s\n' "$at" "$long" >> "$receipts" ;;
    end) end "$@" || exit 1 ;;
    *) echo "refused: $ask" >&2; exit 64 ;;
esac
