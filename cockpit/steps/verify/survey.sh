# What survey.py does, in POSIX sh with GNU's or busybox's tools: its words `list` and `hash`, its fields.
# Names travel as arguments and between NULs, so that they may hold anything. What goes wrong is said on standard error: then
# nothing of the answer counts. `hash` answers in lines: 64 hexadecimal digits of each file, and what stat tells of each.
# `hash` names are absolute. Of each file by itself where sha256sum could not print its name as a line ("one").
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
    xargs -0 sh -c 'sha256sum "$@" | cut -c 1-64; stat -c "$COCKPIT_TOLD" "$@"' sh || exit 1
    ;;
one)
    xargs -0 -n 1 sh -c 'sha256sum <"$1" | cut -c 1-64; stat -c "$COCKPIT_TOLD" "$1"' sh || exit 1
    ;;
esac
