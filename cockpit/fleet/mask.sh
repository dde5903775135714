# cockpit: hides secrets in a job's output before it touches the disk. stdin to stdout, byte-exact but for what is hidden: each
# byte that lies in an occurrence of a pattern becomes `*`, also when the occurrence came in several writes.
#
# Bytes travel as octal escapes (`\163\145`): of the tools that every server has, only od and printf can be trusted with a NUL.
# Each read is passed on at once, but for an end of it that may be the beginning of a pattern. ck_msk: patterns, a line each.

ck_mask() {
    ck_m='0 '
    until [ "$ck_m" = end ]; do
        ck_x=$(dd bs=32768 count=1 2>/dev/null | od -An -v -to1 | CK_P=$ck_msk CK_M=$ck_m LC_ALL=C awk "$ck_awk") || return
        ck_m=${ck_x%%"$ck_nl"*}
        printf "${ck_x#*"$ck_nl"}" || return
    done
}

# CK_M: how many of the bytes kept back are hidden already, a blank, and those bytes. Out: a line with the new CK_M or `end`, and
# a format for printf (never empty, or the shell would strip the newline before it).
ck_awk='
BEGIN {
    back = "\\\\"; x = " "; gsub(/ /, back, x)
    if (x != "\\") back = "\\"
}
{ row = row $0; if (NR % 64 == 0) { text = text row; row = "" } }
END {
    at = index(ENVIRON["CK_M"], " ")
    cover = 4 * substr(ENVIRON["CK_M"], 1, at - 1)
    text = text row
    gsub(/ /, back, text)
    text = substr(ENVIRON["CK_M"], at + 1) text
    size = from = length(text)
    count = split(ENVIRON["CK_P"], pattern, "\n")
    for (p = 1; p <= count; p++) {
        if (NR > 0) begins(pattern[p])
        following[p] = seek(pattern[p], 0)
    }
    if (cover > 0) hide(0, cover)
    carry = cover
    while ((p = first()) > 0) {
        a = following[p]; b = a + length(pattern[p])
        if (a > cover) { show(cover, a); cover = a }
        if (b > cover) { hide(cover, b); cover = b }
        if (a < from && b > carry) carry = b
        following[p] = seek(pattern[p], a + 4)
    }
    show(cover, size)
    if (NR == 0) print "end"
    else print (carry > from ? (carry - from) / 4 : 0) " " substr(text, from + 1)
    printf "%s", "%.0s"
    for (i = 1; i <= pieces; i++) printf "%s", piece[i]
}
# the longest end of the text that may be the beginning of a pattern lowers `from`: up to there the text is settled
function begins(word,    long) {
    long = length(word) - 4
    if (long > size) long = size
    for (; long > 0; long -= 4)
        if (substr(text, size - long + 1, 4) == substr(word, 1, 4) && substr(text, size - long + 1) == substr(word, 1, long)) {
            if (size - long < from) from = size - long
            return
        }
}
function seek(word, after,    found) {
    if (word == "") return -1
    found = index(substr(text, after + 1), word)
    return found ? after + found - 1 : -1
}
function first(    best) {
    best = 0
    for (p = 1; p <= count; p++)
        if (following[p] >= 0 && (best == 0 || following[p] < following[best])) best = p
    return best
}
function show(a, b) { if (b > from) b = from; if (a < b) piece[++pieces] = substr(text, a + 1, b - a) }
function hide(a, b) {
    if (b > from) b = from
    if (a >= b) return
    while (length(stars) < b - a) stars = stars "\\052\\052\\052\\052"
    piece[++pieces] = substr(stars, 1, b - a)
}
'
