# cockpit: the sums of a side that has no python3, and how fast each of them is there. Goes before half.sh and job.sh. POSIX sh.
#
# A sum says whether two chunks are the same, so it has 128 bits at least. `ck` has 32: however fast, it is taken only where
# two ends have nothing else in common. Receipts name the sum, not the tool that made it.

MIB=1048576
CHUNK=16 # MiB
TRIAL=5 # hundredths of a second for each sum: by whole chunks, so that starting the tool counts as it will

# In this order where no clock tells. Of a pipe of zeros, in MB/s: xxhsum 2600, b3sum 860, openssl's sha256 690 (with the
# processor's own instructions; sha256sum 300), b2sum 660, md5sum 520, sha1sum 230.
SUMS='xxh128 b3 sha256 b2 md5 sha1'

known() { case $1 in xxh128 | b3 | sha256 | b2 | md5 | sha1 | ck) ;; *) return 1 ;; esac }

by_tool() {
    case $1 in
        xxh128) xxhsum -H2 ;;
        b3) b3sum ;;
        sha256) if : | openssl dgst -sha256 -r > /dev/null 2>&1; then openssl dgst -sha256 -r; else sha256sum; fi ;;
        ck) cksum ;;
        *) "${1}sum" ;;
    esac
}

# Of what comes in, as one word: behind it a tool says a name; cksum first the length, which is a part of it. A tool that says
# nothing has failed: two of these would be alike.
sum() {
    by_tool "$1" | (
        read -r a b _
        [ "$1" = ck ] || b=''
        case $a$b in '' | *[!0-9a-f]*) exit 1 ;; esac
        echo "$a$b"
    )
}

zeros() { dd if=/dev/zero bs=$MIB count=$CHUNK 2> /dev/null; }

# Sets `now`, in hundredths of a second; 0 where nothing tells: not every date knows a part of a second.
clock() { now=0; { read -r up _ < /proc/uptime; } 2> /dev/null && now=$((${up%.*} * 100 + 1${up#*.} - 100)); }

# SUM: its name, how fast it is here in MiB/s, and what it makes of a chunk of zeros.
try() {
    n=0
    clock
    began=$now
    while [ "$n" -lt 8 ] && [ $((now - began)) -lt $TRIAL ]; do
        made=$(zeros | sum "$1")
        n=$((n + 1))
        clock
    done
    echo "$1 $((now > began ? n * CHUNK * 100 / (now - began) : 0)) $made"
}

# All that work here: a tool may be forbidden. The first question also fetches it from the disk.
tried() {
    for each in $SUMS; do ! : | sum "$each" > /dev/null || try "$each"; done
    ! made=$(zeros | sum ck) || echo "ck 0 $made"
} 2> /dev/null

# Of what two ends have `tried`: SUM ZEROS for each that both have, the one first that is fastest where it is slowest. Both
# must make the same of the same data: a tool's versions may differ.
agreed() {
    awk 'NR == FNR { speed[$1, $3] = $2; next }
        ($1, $3) in speed { print ($2 < speed[$1, $3] ? $2 : speed[$1, $3]), FNR, $1, $3 }' "$1" "$2" |
        sort -k 1,1nr -k 2,2n | cut -d ' ' -f 3-
}
