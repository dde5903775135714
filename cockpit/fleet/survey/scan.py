"""Runs on a server, by its own python3 (3.6 on), standard library only: what is below a path, counted or listed.

    count OPTIONS   one JSON document, as `cockpit.fleet.survey.model` reads it
    list OPTIONS    each regular file as "size nlink dev:inode blocks path" and a NUL; path relative to the root, blocks of 512

OPTIONS is JSON: path; rules, [[regex, directories only] ...] over "/name/name" as rsync would see it; prefix, the root's own
name where rsync sees it; ask, an rsync command that names what it would move where the rules can't say. Reads names and what
lstat tells, never content. What can't be looked at is counted as `unread`.
"""

import json
import os
import re
import stat
import subprocess
import sys
import unicodedata
from bisect import bisect_left

LIMITS = [4096, 65536, 1 << 20, 256 << 20]  # bytes: the upper ends of the size classes but the last
GAP = 4096  # bytes not allocated that make a file sparse: file systems keep a short tail or a tiny file elsewhere
ODD = re.compile(rb'[^ -~]|["*:<>?\\|]|[. ]$').search
CONTROL = re.compile(rb"[\x00-\x1f\x7f]").search
RESERVED = re.compile(rb'[\x01-\x1f"*:<>?\\|]|[. ]$').search  # what FAT, exFAT and SMB keep for themselves
SHOWN = 3  # names given as examples
OWNERS = 50  # told by number
ATTRS = 20000  # entries whose attributes are all looked at; then of every tenth
REG, DIR, LINK = stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK


class Counts:
    def __init__(self):
        self.kinds = {}
        self.files = self.size = self.apparent = self.allocated = self.regular = 0
        self.class_files, self.class_bytes = [0] * 5, [0] * 5
        self.sparse = self.sparse_gap = 0
        self.groups = {}
        self.owners = {}
        self.special = {}
        self.largest, self.largest_path = -1, b""
        self.longest_name, self.longest_path = b"", b""
        self.odd = {}
        self.examples = {}
        self.acls = self.xattrs = self.entries = self.unread = self.looked = 0
        self.sampled = False

    def note(self, what, path):
        self.odd[what] = self.odd.get(what, 0) + 1
        shown = self.examples.setdefault(what, [])
        if len(shown) < SHOWN:
            shown.append(path)

    def regular_file(self, path, seen):
        size, blocks = seen.st_size, seen.st_blocks * 512
        self.apparent += size
        if size > self.largest:
            self.largest, self.largest_path = size, path
        if seen.st_nlink > 1:
            key = (seen.st_dev, seen.st_ino)
            group = self.groups.get(key)
            if group:
                group[0] += 1
                return
            self.groups[key] = [1, size]
        self.files += 1
        self.size += size
        self.allocated += blocks
        k = bisect_left(LIMITS, size)
        self.class_files[k] += 1
        self.class_bytes[k] += size
        if size - blocks >= GAP:
            self.sparse += 1
            self.sparse_gap += size - blocks
            self.examples.setdefault("sparse", [path])

    def other(self, path, seen, kind):
        if kind == DIR:
            self.kinds["dir"] = self.kinds.get("dir", 0) + 1
            self.allocated += seen.st_blocks * 512
        elif kind == LINK:
            self.kinds["link"] = self.kinds.get("link", 0) + 1
            self.apparent += seen.st_size
        else:
            name = {stat.S_IFIFO: "fifo", stat.S_IFSOCK: "socket"}.get(kind, "device")
            self.special[name] = self.special.get(name, 0) + 1
            of = "dev" if name == "device" else "special"
            self.kinds[of] = self.kinds.get(of, 0) + 1
            self.examples.setdefault("special", [path])

    def entry(self, path, seen, place):
        """place: where it can be opened; path: as rsync would name it."""
        kind = seen.st_mode & 0o170000
        if kind == REG:
            self.regular += 1
            self.regular_file(path, seen)
        else:
            self.other(path, seen, kind)
        owner = (seen.st_uid, seen.st_gid)
        self.owners[owner] = self.owners.get(owner, 0) + 1
        if len(path) > len(self.longest_path):
            self.longest_path = path
        self.entries += 1
        if self.entries <= ATTRS or self.entries % 10 == 0:
            self.attributes(path, place)
        else:
            self.sampled = True

    def attributes(self, path, place):
        try:
            names = os.listxattr(place, follow_symlinks=False)
        except (OSError, AttributeError):
            return
        self.looked += 1
        if not names:
            return
        if any(name.startswith("system.posix_acl") for name in names):
            self.acls += 1
            self.examples.setdefault("acls", [path])
        if any(not name.startswith(("system.", "security.selinux", "trusted.overlay")) for name in names):
            self.xattrs += 1
            self.examples.setdefault("xattrs", [path])

    def name(self, name, path):
        if len(name) > len(self.longest_name):
            self.longest_name = name
        if not ODD(name):
            return
        if b"\n" in name:
            self.note("newlines", path)
        if CONTROL(name):
            self.note("control", path)
        if RESERVED(name):
            self.note("reserved", path)
        try:
            name.decode()
        except UnicodeDecodeError:
            self.note("non_utf8", path)

    def twins(self, names, where):
        """Names of one directory that some file systems hold for the same: by case, or by Unicode's normal forms."""
        if len({name.lower() for name in names}) == len(names) and all(map(bytes.isascii, names)) if PY37 else False:
            return
        folded, normal = {}, {}
        for name in names:
            text = unicodedata.normalize("NFC", os.fsdecode(name))
            if normal.setdefault(text, name) != name:
                self.note("unicode_twins", where + name)
            elif folded.setdefault(text.casefold(), name) != name:
                self.note("case_twins", where + name)


PY37 = hasattr(b"", "isascii")


def hidden(path, is_dir, rules):
    return any((is_dir or not dirs_only) and rule(path) for rule, dirs_only in rules)


def walk(top, prefix, rules, entry, names, unread):
    """entry(path, lstat, place) for everything below `top`, path relative to it; names(list, directory) for each directory."""
    todo = [b""]
    lead = b"/" + prefix + b"/" if prefix else b"/"
    while todo:
        where = todo.pop()
        found = []
        try:
            with os.scandir(top + where) as inside:
                for each in inside:
                    path = where + each.name
                    if rules and hidden(lead + path, each.is_dir(follow_symlinks=False), rules):
                        continue
                    try:
                        seen = each.stat(follow_symlinks=False)
                    except FileNotFoundError:
                        continue
                    found.append(each.name)
                    if seen.st_mode & 0o170000 == DIR:
                        todo.append(path + b"/")
                    entry(path, seen, top + path)
        except OSError as error:
            unread(where, error)
        names(found, where)


def asked(command, top, prefix, entry, names):
    """The same for what rsync names: it alone knows what some patterns hide. Its names are escaped as rsync(1) says."""
    child = subprocess.Popen(["sh", "-c", command], stdout=subprocess.PIPE)
    inside = {}
    for line in child.stdout:
        raw = re.sub(rb"\\#([0-7]{3})", lambda m: bytes([int(m.group(1), 8)]), line[:-1]).rstrip(b"/")
        if raw in (b"", b".", prefix):
            continue
        path = raw[len(prefix) + 1 :] if prefix else raw
        try:
            seen = os.lstat(top + path)
        except OSError:
            continue
        where, _, name = path.rpartition(b"/")
        inside.setdefault(where, []).append(name)
        entry(path, seen, top + path)
    for where, found in inside.items():
        names(found, where + b"/" if where else b"")
    return child.wait()


def count(told):
    counts = Counts()
    top, prefix = root(told)
    errors = []

    def unread(where, error):
        if isinstance(error, FileNotFoundError):
            return
        counts.unread += 1
        errors.append(where + b": " + (error.strerror or "error").encode())

    def names(found, where):
        for name in found:
            counts.name(name, where + name)
        counts.twins(found, where)

    each(told, top, prefix, counts.entry, names, unread)
    linked = [(n, size) for n, size in counts.groups.values() if n > 1]
    owners = sorted(counts.owners.items(), key=lambda item: -item[1])
    if counts.regular:
        counts.kinds["reg"] = counts.regular
    print(json.dumps({
        "way": "python3", "files": counts.files, "size": counts.size, "apparent": counts.apparent, "kinds": counts.kinds,
        "allocated": counts.allocated, "class_files": counts.class_files, "class_bytes": counts.class_bytes,
        "link_groups": len(linked), "link_names": sum(n for n, _ in linked), "link_saved": sum((n - 1) * size for n, size in linked),
        "sparse": counts.sparse, "sparse_gap": counts.sparse_gap, "special": counts.special, "odd": counts.odd,
        "examples": {what: [os.fsdecode(p) for p in paths] for what, paths in counts.examples.items()},
        "owners": [[uid, gid, n] for (uid, gid), n in owners[:OWNERS]], "owner_count": len(owners),
        "acls": counts.acls, "xattrs": counts.xattrs, "attributes_sampled": counts.sampled, "attributes_seen": counts.looked,
        "largest": max(0, counts.largest), "largest_path": os.fsdecode(counts.largest_path),
        "longest_name": len(counts.longest_name), "longest_path": len(counts.longest_path),
        "longest_name_is": os.fsdecode(counts.longest_name), "unread": counts.unread,
        "errors": [os.fsdecode(e) for e in errors[:SHOWN]],
    }))


def show(told):
    top, prefix = root(told)
    out, failed = [], []

    def entry(path, seen, place):
        if seen.st_mode & 0o170000 == REG:
            out.append(b"%d %d %d:%d %d %s\0" % (seen.st_size, seen.st_nlink, seen.st_dev, seen.st_ino, seen.st_blocks, path))
            if len(out) > 4000:
                sys.stdout.buffer.write(b"".join(out))
                del out[:]

    def unread(where, error):
        if not isinstance(error, FileNotFoundError):
            failed.append(where)
            sys.stderr.write("%s: %s\n" % (ascii(where)[2:-1], error.strerror))

    each(told, top, prefix, entry, lambda found, where: None, unread)
    sys.stdout.buffer.write(b"".join(out))
    sys.stdout.buffer.flush()
    sys.exit(1 if failed else 0)


def root(told):
    path, prefix = os.fsencode(told["path"]), os.fsencode(told["prefix"])
    return (path.rstrip(b"/") + b"/", prefix) if os.path.isdir(path) and not (prefix and os.path.islink(path)) else (path, prefix)


def each(told, top, prefix, entry, names, unread):
    """The root itself, then all below it."""
    rules = [(re.compile(text.encode("latin-1"), re.DOTALL).search, dirs_only) for text, dirs_only in told["rules"]]
    is_dir = top.endswith(b"/")
    try:
        seen = os.stat(top) if is_dir else os.lstat(top)
    except OSError as error:
        sys.exit("%s: %s" % (told["path"], error.strerror))
    if prefix and hidden(b"/" + prefix, is_dir, rules):
        return
    entry(b"" if is_dir else os.path.basename(top), seen, top)
    if not is_dir:
        names([os.path.basename(top)], b"")
    elif told["ask"]:
        code = asked(told["ask"], top, prefix, entry, names)
        if code:
            unread(b"rsync", OSError(code, "exit %d" % code))
    else:
        walk(top, prefix, rules, entry, names, unread)


if __name__ == "__main__":
    {"count": count, "list": show}[sys.argv[1]](json.loads(sys.argv[2]))
