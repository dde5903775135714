# What find says of every entry, counted: "TYPE SIZE NLINK DEV:INODE BLOCKS UID:GID [PATH]" a line, or "= PATH" alone; a newline in
# a path comes as \001. TYPE is find's letter, or (map=hex) a mode in hex. Prints "key value" lines for model.parse. POSIX awk.
function say(key, n) { printf "%s %.0f\n", key, n }
function named(path,    name, k) {
    sub(/^\.\//, "", path); if (path == "." || path == "") return
    if (length(path) > longest) longest = length(path)
    name = path; sub(/.*\//, "", name)
    if (length(name) > widest) widest = length(name)
    k = tolower(path)
    if (k in seen) { if (seen[k] != path) odd["case_twins"]++ } else seen[k] = path
    if (name !~ /[^ -~]/ && name !~ /["*:<>?\\|]/ && name !~ /[. ]$/) return
    if (name ~ /\001/) odd["newlines"]++
    if (name ~ /[\001-\037\177]/) odd["control"]++
    if (name ~ /[\001-\037"*:<>?\\|]/ || name ~ /[. ]$/) odd["reserved"]++
}
function regular(size, links, id, gap) {
    n["reg"]++; apparent += size
    if (size > largest) largest = size
    if (links > 1) { group[id]++; each[id] = size; if (group[id] > 1) return }
    files++; total += size; allocated += $5 * 512
    k = size <= 4096 ? 0 : size <= 65536 ? 1 : size <= 1048576 ? 2 : size <= 268435456 ? 3 : 4
    of[k]++; bytes[k] += size
    gap = size - $5 * 512
    if (gap >= 4096) { sparse++; gaps += gap }
}
BEGIN { split(map == "hex" ? "8 4 a 1 c 2 6" : "f d l p s c b", t, " ") }
$1 == "=" { named(substr($0, 3)); next }
{
    type = map == "hex" ? substr($1, 1, 1) : $1
    if (type == t[1]) regular($2, $3, $4)
    else if (type == t[2]) { n["dir"]++; allocated += $5 * 512 }
    else if (type == t[3]) { n["link"]++; apparent += $2; targets += $2 }
    else if (type == t[4]) { n["special"]++; odd["fifo"]++ }
    else if (type == t[5]) { n["special"]++; odd["socket"]++ }
    else { n["dev"]++; odd["device"]++ }
    owner[$6]++
    if (map != "hex") { path = $0; for (i = 1; i <= 6; i++) sub(/^[^ ]* /, "", path); named(path) }
}
END {
    say("files", files); say("size", total); say("apparent", apparent); say("symlink_bytes", targets); say("allocated", allocated); say("largest", largest)
    for (k in n) say("kind." k, n[k])
    for (k = 0; k < 5; k++) { say("class_files." k, of[k]); say("class_bytes." k, bytes[k]) }
    for (k in group) if (group[k] > 1) { groups++; names += group[k]; saved += (group[k] - 1) * each[k] }
    say("link_groups", groups); say("link_names", names); say("link_saved", saved)
    say("sparse", sparse); say("sparse_gap", gaps); say("longest_name", widest); say("longest_path", longest)
    for (k in odd) say("odd." k, odd[k])
    for (k in owner) say("owner." k, owner[k])
}
