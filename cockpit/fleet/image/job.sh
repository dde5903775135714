# cockpit: moves images where a side has no python3. Asks a source and a target (half.sh), one of them at the other end of
# ssh, a connection for each question; says the same lines as the Python job. POSIX sh.
#
# Given: way, shell, half, streams, live; src and dst, functions that ask; sums.sh. A chunk: its sum at the source; nothing to
# do where the target has that sum; else it is read, written, synced, summed at the target, and receipted. The proof sums the
# target again, past the cache where dd can; what is not on the disk as it was written is moved once more. Of a device, which
# has no time of writing, and of what was done before it sums the source again too: receipts of an earlier job are no word.

LOOK=5 # seconds between two looks at whether a source is still the same
tmp=${TMPDIR:-/tmp}/cockpit-image.$$
umask 077
mkdir "$tmp" || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 143' TERM INT HUP

say() { printf '%s\n' "$*"; }

# As JSON has it between quotes; bytes that are no UTF-8 as they are. ssh ends its lines with a carriage return.
escaped() {
    printf %s "$1" | LC_ALL=C awk '
        BEGIN {
            for (n = 1; n < 32; n++) as[sprintf("%c", n)] = sprintf("\\u%04x", n)
            as["\""] = "\\\""; as["\\"] = "\\\\"
        }
        { sub(/\r$/, ""); for (n = 1; n <= length($0); n++) { c = substr($0, n, 1); printf "%s", c in as ? as[c] : c } }'
}

# KIND WORDS: the job's end, and the reason
fail() {
    say "fault [\"$1\", \"$(escaped "$2")\"]"
    say "image: $2" >&2
    if [ "$1" = broken ]; then exit 75; else exit 1; fi
}

# What the words of a tool mean, as KIND.
kind() {
    case $(cat "$1") in
        *"No space left"* | *"quota exceeded"*) say "full the target is full" ;;
        *"Read-only file system"*) say "readonly the target is mounted read-only" ;;
        *"nput/output error"*) say "io a disk has an input/output error" ;;
        *"is mounted or in use"* | *"is no file"* | *"its source"*) say "refused $(tail -n 1 "$1")" ;;
        *" while it was copied"*) say "changed $(tail -n 1 "$1")" ;;
        *", twice"*) say "infrastructure $(tail -n 1 "$1")" ;;
        *"is not there"*) say "gone $(tail -n 1 "$1")" ;;
        *"may not be opened"* | *"ermission denied"*) say "refused $(tail -n 1 "$1")" ;;
        *) say "broken $(tail -n 1 "$1")" ;;
    esac
}

# FILE QUESTION…: asked again while the way is broken; its answer on stdout. Words of refusal are left in FILE.
ask() {
    err=$1
    shift
    for pause in 1 2 4 8 15 0; do
        "$@" > "$err.said" 2> "$err" # first into a file: half an answer must not stand before the next one
        code=$?
        case $(kind "$err") in broken*) ;; *) return 1 ;; esac
        [ "$code" = 0 ] && { cat "$err.said"; return; }
        [ "$pause" = 0 ] || sleep "$pause"
    done
    return 1
}

told() { rate=; { read -r rate < "$COCKPIT_JOB/told"; } 2>/dev/null; }

# BYTES SECONDS-TAKEN: as long as that may take at the told rate; a pause is waited out.
pace() {
    spent=$2
    while told; [ -n "$rate" ]; do
        [ "$rate" != 0 ] && [ $((spent * rate)) -ge $(($1 * streams)) ] && return
        sleep 1
        [ "$rate" = 0 ] || spent=$((spent + 1))
    done
}

# WORKER: its share of the chunks in $tmp/todo; lines for `count`: moved BYTES, chunk LENGTH, failed KIND WORDS
worker() {
    w=$1 err=$tmp/err.$1 turn=0 looked=$(date +%s)
    while read -r i at long sparse zero state sum; do
        turn=$((turn + 1))
        [ $((turn % streams)) = "$w" ] || continue
        [ -e "$tmp/stop" ] && return
        pace 0 0
        began=$(date +%s)
        now_and_then && move || { : > "$tmp/stop"; say "failed $(kind "$err")"; return; }
        say "chunk $long $moved"
        pace "$moved" $(($(date +%s) - began))
    done < "$tmp/todo"
}

move() {
    moved=0 heard=
    want=$(ask "$err" src sum "$i" "$at" "$long" "$sum") || return
    for try in 1 2; do
        if [ "$want" = "$zero" ]; then
            if [ "$state" != write ]; then ask "$err" dst zero "$i" "$at" "$long" || return; fi
        elif [ "$state" = write ] || [ "$state" = again ] || [ "$(ask "$err" dst sum "$i" "$at" "$long" "$sum")" != "$want" ]; then
            ask "$err" carry || return
            heard=$(tail -n 1 "$err")
            [ "$live" = 0 ] || want=$(cat "$err.sent")
        fi
        got=$(ask "$err" dst sum "$i" "$at" "$long" "$sum") || return
        if [ "$got" = "$want" ]; then ask "$err" dst have "$i" "$at" "$want"; return; fi
        want=$(ask "$err" src sum "$i" "$at" "$long" "$sum") || return
        still "$i" || return
        state=again # what lies there now is neither nothing nor worth a comparison
    done
    echo "the data at $at MiB came as something else than was sent, twice${heard:+: $heard}" > "$err"
    return 1
}

# Once from the source to the target; not well where the way broke, which says nothing of a disk. A live source may be written
# to between its sum and its reading, each time anew: the sum of what is sent is left in $err.sent.
carry() {
    moved=$((moved + long))
    rm -f "$err.broke"
    if [ "$live" = 0 ]; then send | put
    else { send 3>&- | tee /proc/self/fd/3 | put 3>&-; } 3>&1 | sum "$sum" > "$err.sent"; fi
    sparse=whole # zeros that came later must be written over what came before
    [ ! -e "$err.broke" ]
}

send() { src read "$i" "$at" "$long" || perhaps_broke; }

put() { dst take "$i" "$at" "$long" "$sparse" > /dev/null || perhaps_broke; }

# By the exit code that is ssh's own: a reader ends badly, too, when dd can't write what it is given.
perhaps_broke() { [ $? != 255 ] || : > "$err.broke"; }

prover() {
    w=$1 err=$tmp/err.$1 turn=0
    looked=$(date +%s)
    while read -r i at long want whole sum; do
        turn=$((turn + 1))
        [ $((turn % streams)) = "$w" ] || continue
        [ -e "$tmp/stop" ] && return
        pace 0 0
        now_and_then && prove || { : > "$tmp/stop"; say "failed $(kind "$err")"; return; }
        say "proved $long"
    done < "$tmp/proof"
}

prove() {
    got=$(ask "$err" dst prove "$i" "$at" "$long" "$sum") || return
    now=$want
    if [ "$whole" = 1 ]; then now=$(ask "$err" src sum "$i" "$at" "$long" "$sum") || return; fi
    [ "$got" = "$want" ] && [ "$now" = "$want" ] || repair
}

# What lies there is not what came, or what came before is no more: moved once more; a second time is no accident.
repair() {
    said=$want sparse=whole zero=$(of_zeros) state=again
    now=$(ask "$err" src sum "$i" "$at" "$long" "$sum") || return
    if [ "$now" != "$said" ] && [ "$live" = 0 ] && { [ "$whole" = 0 ] || grep -q "^$i $at " "$tmp/todo"; }; then
        say "$(named "$i") was written to while it was copied" > "$err"
        return 1
    fi
    words="the target is not on the disk at $at MiB as it was written"
    [ "$now" = "$said" ] || words="$(named "$i") is at $at MiB not what it was when that was copied before"
    say "image: $words: moved again" >&2
    say "$i $at" >> "$tmp/again"
    move || return
    say "chunk 0 $moved"
    say "$at $want" >> "$tmp/sums.$i" # of a live source it may be another
    got=$(ask "$err" dst prove "$i" "$at" "$long" "$sum") || return
    [ "$got" = "$want" ] && return
    echo "the target is not on the disk at $at MiB as it was written, twice: the disk or the memory there is faulty" > "$err"
    return 1
}

# Adds up what all workers say. done moved proved files stand in $tmp/counts between the phases.
count() { # PHASE
    read -r done moved proved whole < "$tmp/counts"
    while read -r word number more; do
        case $word in
            chunk) done=$((done + number)) moved=$((moved + more)) ;;
            proved) proved=$((proved + number)) ;;
            failed) say "$number $more" > "$tmp/failed" ;;
        esac
        say "at $1 $done $moved $proved $whole $((total > done ? total - done : 0))"
    done
    say "$done $moved $proved $whole" > "$tmp/counts"
}

share() { # PHASE WORKER
    w=0
    while [ "$w" -lt "$streams" ]; do "$2" "$w" & w=$((w + 1)); done | count "$1"
    [ ! -s "$tmp/failed" ] || failed
}

failed() { read -r word rest < "$tmp/failed"; fail "$word" "$rest"; }

refused() { kind "$tmp/err" > "$tmp/failed"; failed; }

choose() {
    ask "$tmp/err" src tools > "$tmp/src.sums" && ask "$tmp/err" dst tools > "$tmp/dst.sums" || refused
    agreed "$tmp/src.sums" "$tmp/dst.sums" > "$tmp/agreed"
    sums=$(cut -d ' ' -f 1 "$tmp/agreed")
    [ -n "$sums" ] || fail other "the two servers have no hash in common"
}

# By `sum`: what a chunk of zeros has.
of_zeros() { sed -n "s/^$sum //p" "$tmp/agreed"; }

look() { # I: what of this file is to be done
    ask "$tmp/err" src look "$1" > "$tmp/look.$1" || refused
    read -r size who rest < "$tmp/look.$1"
    ask "$tmp/err" dst begin "$1" "$size" "$who" $sums > "$tmp/begin.$1" || refused
    read -r state sum < "$tmp/begin.$1"
    nothing=$(of_zeros)
    sparse=whole
    [ "$state" = write ] && sparse=sparse
    chunks=$(((size + CHUNK * MIB - 1) / (CHUNK * MIB))) k=0
    [ "$state" = done ] && { say "chunk $size 0" >> "$tmp/there"; return; }
    while [ "$k" -lt "$chunks" ]; do
        at=$((k * CHUNK)) zero=$nothing
        long=$(length)
        [ "$long" = $((CHUNK * MIB)) ] || zero=-
        if grep -q "^$at " "$tmp/begin.$1"; then say "chunk $long 0" >> "$tmp/there"
        else say "$1 $at $long $sparse $zero $state $sum" >> "$tmp/todo"; fi
        k=$((k + 1))
    done
}

# Of the chunk at `at` of an image of `size` bytes.
length() { left=$((size - at * MIB)); echo $((left < CHUNK * MIB ? left : CHUNK * MIB)); }

named() { sed -n '2s/^/the source /p' "$tmp/look.$1"; }

still() { # I: the source is what it was; else words in $err
    [ "$live" = 0 ] || return 0
    ask "$err" src look "$1" > "$err.now" || return
    read -r before as _ < "$tmp/look.$1"
    read -r now who _ < "$err.now"
    [ "$now $who" = "$before $as" ] && return
    words="was rewritten"
    [ "$now" -gt "$before" ] && words="grew from $before to $now bytes"
    [ "$now" -lt "$before" ] && words="shrank from $before to $now bytes"
    say "$(named "$1") $words while it was copied" > "$err"
    return 1
}

now_and_then() {
    [ $(($(date +%s) - looked)) -lt "$LOOK" ] && return
    looked=$(date +%s)
    still "$i"
}

# SUMS: chunks with their sums, the last word of each
latest() { awk '{ last[$1] = $2 } END { for (k in last) print k, last[k] }' "$@" | sort -n; }

: > "$tmp/todo"; : > "$tmp/there"; : > "$tmp/proof"; : > "$tmp/failed"; : > "$tmp/again"
say "0 0 0 0" > "$tmp/counts"
t0=$(date +%s)
say "at copy 0 0 0 0 $total"
choose
i=0 err=$tmp/err
while [ "$i" -lt "$files" ]; do look "$i"; i=$((i + 1)); done
count copy < "$tmp/there"
share copy worker
t1=$(date +%s)
i=0
while [ "$i" -lt "$files" ]; do
    still "$i" || refused
    read -r size who rest < "$tmp/look.$i"
    read -r state sum < "$tmp/begin.$i"
    ask "$tmp/err" dst begin "$i" "$size" "$who" "$sum" | sed 1d | latest > "$tmp/sums.$i"
    [ $(($(wc -l < "$tmp/sums.$i"))) = $(((size + CHUNK * MIB - 1) / (CHUNK * MIB))) ] ||
        fail changed "a target was replaced while it was written"
    whole=0
    case $live$state$who in 0done* | 0*device*) whole=1 ;; esac
    [ "$live$state" = 1done ] || while read -r at want; do
        say "$i $at $(length) $want $whole $sum" >> "$tmp/proof"
    done < "$tmp/sums.$i"
    i=$((i + 1))
done
say "at sync $total 0 0 0 0"
t2=$(date +%s)
share verify prover
i=0 images='' hashes='' unchanged=0
while [ "$i" -lt "$files" ]; do
    still "$i" || refused
    read -r size who dress < "$tmp/look.$i"
    read -r state sum < "$tmp/begin.$i"
    case $who in device*) dress='' ;; esac
    if [ "$state" = done ] && ! grep -q "^$i " "$tmp/again"; then unchanged=$((unchanged + 1))
    else ask "$tmp/err" dst end "$i" "$size" $dress || refused; fi
    images="$images${images:+, }[$size, \"$({ latest "$tmp/sums.$i" 2>/dev/null; echo "$size"; } | sum "$sum")\"]"
    case $hashes in *"\"$sum\""*) ;; *) hashes="$hashes${hashes:+, }\"$sum\"" ;; esac
    i=$((i + 1))
done
read -r _ moved _ < "$tmp/counts"
t3=$(date +%s)
say "report {\"seconds\": {\"copy\": $((t1 - t0)), \"sync\": $((t2 - t1)), \"verify\": $((t3 - t2))}, \"moved\": $moved, \
\"streams\": $streams, \"unchanged\": $unchanged, \"hashes\": [$hashes], \"again\": $(($(wc -l < "$tmp/again"))), \"images\": [$images]}"
