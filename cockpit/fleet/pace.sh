# cockpit: one rsync at a time at the pace that the job is told. POSIX sh. Whoever uses it defines `line OPTION`, which replaces
# its shell by rsync, `tick`, called about once a second while that runs, and `again`, called when it was ended early and is about
# to begin anew. streams: how many share the pace.
export LC_ALL=C

# -> pace: bytes per second as told ("": no limit, 0: paused), speed: this worker's share in rsync's KiB (0: no limit)
told() {
    pace= speed=0
    { IFS= read -r pace < "$COCKPIT_JOB/told"; } 2>/dev/null
    case $pace in
        *[!0-9]* | '') pace= ;;
        *) speed=$((pace / 1024 / ${streams:-1}))
           [ "$speed" -gt 0 ] || speed=1 ;;
    esac
}

# Whether an rsync begun at `old` may go on now that `pace` is told: starting again costs a file and a login. A limit that was
# lowered holds at once; one that was raised by up to a fifth waits for the next start.
fits() {
    [ "$pace" != "$old" ] || return 0
    [ "${old:-0}" -gt 0 ] && [ "${pace:-0}" -gt "$old" ] && [ $((pace - old)) -le $((old / 5)) ]
}

# PID, of an rsync begun at `pace`: ends it, and itself with 7, when that has not fitted for ten seconds, in which what
# is short ends by itself. What has arrived stays: at most the file under way is sent again.
watch() {
    trap 'kill "$nap" 2>/dev/null; exit 0' TERM
    old=$pace late=0 nap=
    while kill -0 "$1" 2>/dev/null; do
        sleep 1 9>&- &
        nap=$!
        wait "$nap"
        tick
        told
        if fits; then late=0; else late=$((late + 1)); fi
        if [ "$late" -ge 10 ] && kill -TERM "$1" 2>/dev/null; then exit 7; fi
    done
    exit 0
}

# Runs `line` until it ends by itself -> code
paced() {
    while :; do
        told
        while [ "$pace" = 0 ]; do
            sleep 1 9>&-
            told
        done
        line "--bwlimit=$speed" < /dev/null &
        run=$!
        watch "$run" &
        eye=$!
        wait "$run"
        code=$?
        kill "$eye" 2>/dev/null
        wait "$eye"
        [ $? -eq 7 ] || return 0
        echo "cockpit: rsync was ended for a new limit or a pause; it goes on from what has arrived" >&2 # it calls that an error
        again
    done
}
