# What survey.py does, in POSIX sh with GNU's or busybox's tools: its words `list` and `hash`, its fields.
# Names travel as arguments and between NULs, so that they may hold anything. What goes wrong is said on standard error, and
# then nothing of the answer counts; `+BYTES` there is progress. `hash` takes absolute names and answers in lines: of each file
# 64 hexadecimal digits (GNU's puts a backslash before them for some names), and what stat tells of each. `one` is for a name
# that would break its line and for a file so big that it is worth hearing how far it is.
LC_ALL=C; export LC_ALL
what=$1 place=$2
# the mode to the modification time in seconds, then what no write leaves as it was
COCKPIT_TOLD='%f %s %u %g %Y %i %y %z'; export COCKPIT_TOLD

case $what in
list)
    [ -e "$place" ] || { ls -Ld "$place/." >&2; exit 66; }
    real=$(readlink -f "$place"; echo x); real=${real%?x}
    printf '%s\0' "$real"
    # a link's target may end in newlines, which a substitution would drop: an x behind them keeps them
    find "$real" -exec sh -c '
        stat -c "$COCKPIT_TOLD" "$@" | while IFS= read -r told; do
            target=
            if [ -h "$1" ]; then target=$(readlink "$1"; echo x); target=${target%?x}; fi
            printf "%s\0%s\0%s\0" "$told" "$1" "$target"
            shift
        done' sh {} + || exit 1
    ;;
hash)
    xargs -0 sh -c 'sha256sum "$@" | tr -d "\\\\" | cut -c 1-64; stat -c "$COCKPIT_TOLD" "$@"' sh || exit 1
    ;;
one)
    xargs -0 -n 1 sh -c '
        parts=$(( $(stat -c %s "$1") / 67108864 + 1 ))
        while [ $parts -gt 0 ]; do
            dd bs=1048576 count=64 2>/dev/null || echo "$1: read error" >&2
            echo +67108864 >&2
            parts=$((parts - 1))
        done <"$1" | sha256sum | cut -c 1-64
        stat -c "$COCKPIT_TOLD" "$1"' sh || exit 1
    ;;
esac
