# cockpit: workers that take shards off a list until there are none. Fed to sh after pace.sh, which runs each at the pace told.
# dir: all (names, each ended by a NUL), index (a line per shard: ID OFFSET LENGTH BYTES FILES, offset and length into all),
# done/ID (a shard that has been copied: survives attempts). streams: how many workers. flush: begins to write out what came.
# Prints, a line each: had ID BYTES FILES | at ID RSYNC'S COUNTER | again ID RSYNC'S COUNTER (the end of a run that was not the last)
# | done ID BYTES FILES MATCHED RSYNC'S COUNTER (MATCHED: bytes of the counter's that lay there already)
umask 077
tries=2 # times that a shard whose connection broke is tried again

last() { tail -c 2000 "$dir/out.$w" | tr '\r' '\n' | grep % | tail -n 1; }

matched() { tail -c 2000 "$dir/out.$w" | sed -n 's/^Matched data: \([0-9]*\) .*/\1/p'; }

tick() { printf 'at %s %s\n' "$id" "$(last)"; }

again() { printf 'again %s %s\n' "$id" "$(last)"; }

# 0 and 24: what vanished is for the pass that settles. Others than 23 end the whole: it would be the same for every shard.
shard() {
    if ! tail -c "+$((off + 1))" "$dir/all" | head -c "$len" > "$dir/list.$w"; then # a full disk: a cut list would be done too soon
        echo 11 >> "$dir/codes"
        : > "$dir/halt"
        return
    fi
    tried=0
    while :; do
        paced
        case $code in
            0 | 24)
                : > "$dir/done/$id"
                there=$(matched)
                printf 'done %s %s %s %s %s\n' "$id" "$size" "$files" "${there:-0}" "$(last)"
                return
                ;;
            10 | 12 | 30 | 35 | 137 | 255)
                tried=$((tried + 1))
                if [ "$tried" -le "$tries" ]; then again; sleep $((tried * tried)) 9>&-; continue; fi
                ;;
        esac
        echo "$code" >> "$dir/codes"
        [ "$code" = 23 ] || : > "$dir/halt"
        return
    done
}

worker() {
    w=$1
    while read -r id off len size files; do
        [ ! -e "$dir/halt" ] || return
        [ ! -e "$dir/done/$id" ] || continue
        mkdir "$dir/taken/$id" 2>/dev/null || continue
        shard
    done < "$dir/index"
}

rm -rf "$dir/taken" "$dir/halt" "$dir/codes"
mkdir -p "$dir/taken" "$dir/done" || exit 11
while read -r id off len size files; do
    [ ! -e "$dir/done/$id" ] || printf 'had %s %s %s\n' "$id" "$size" "$files"
done < "$dir/index"
w=1 workers=
while [ "$w" -le "$streams" ]; do
    worker "$w" &
    workers="$workers $!"
    w=$((w + 1))
done
for w in $workers; do wait "$w"; done
flush
code=0
[ ! -e "$dir/codes" ] || while read -r each; do
    case $code in 0 | 23) code=$each ;; esac
done < "$dir/codes"
exit "$code"
