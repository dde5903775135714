"""Runs on a server, by its own python3 (3.6 on), standard library only: what is below a path, counted or listed.

    count OPTIONS   one JSON document, as `cockpit.fleet.survey.model` reads it
    list OPTIONS    each regular file as "size nlink dev:inode blocks path" and a NUL; path relative to the root, blocks of 512

OPTIONS is JSON: path; rules, [[regex, directories only] ...] over "/name/name" as rsync would see it; prefix, the root's own
name where rsync sees it; ask, an rsync command that names what it would move where the rules can't say. Reads names and what
lstat tells, never content. What can't be looked at is counted as `unread`. Two processors count side by side.
"""

import gc
import json
import os
import re
import stat
import sys
import unicodedata
from bisect import bisect_left
from collections import Counter
from typing import Any, Callable, Dict, Iterable, List, Tuple

LIMITS = [4096, 65536, 1 << 20, 256 << 20]  # bytes: the upper ends of the size classes but the last
GAP = 4096  # bytes not allocated that make a file sparse: file systems keep a short tail or a tiny file elsewhere
ODD = re.compile(rb'[^ -~]|["*:<>?\\|]|[. ]/').search  # in names that each end with a slash
CONTROL = re.compile(rb"[\x00-\x1f\x7f]").search
RESERVED = re.compile(rb'[\x01-\x1f"*:<>?\\|]|[. ]$').search  # what FAT, exFAT and SMB keep for themselves
BEYOND = re.compile(rb"[\x80-\xff]").search
SHOWN = 3  # names given as examples
OWNERS = 50  # told by number
ATTRS, THEN = 2000, 50  # entries whose attributes are all looked at; then of every fiftieth
AHEAD = 64  # directories known before the work is shared out
REG, DIR, LINK = stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK
SPECIAL = {stat.S_IFIFO: "fifo", stat.S_IFSOCK: "socket", stat.S_IFCHR: "device", stat.S_IFBLK: "device"}
Inside = Callable[[bytes, List[bytes], List[os.stat_result]], None]  # a directory, relative to the root; what is in it
Names = Callable[[List[bytes], bytes], None]
Rules = List[Tuple[Callable[[bytes], Any], bool]]


class Counts:
    """Sums, which `add` makes of two halves of a tree; what hard links share is told only in the end."""

    def __init__(self, top: bytes) -> None:
        self.top = top
        self.regular = self.entries = self.apparent = self.allocated = self.longest_path = 0
        self.sums = Counter()  # type: Counter[str]
        self.kinds, self.special, self.odd = Counter(), Counter(), Counter()  # type: Counter[str], Counter[str], Counter[str]
        self.class_files, self.class_bytes = [0] * 5, [0] * 5
        self.groups = {}  # type: Dict[Tuple[int, int], List[Any]]
        self.owners = Counter()  # type: Counter[Tuple[int, int]]
        self.examples = {}  # type: Dict[str, List[str]]
        self.largest = (0, b"")
        self.longest_name = b""
        self.errors = []  # type: List[str]

    def add(self, other: "Counts") -> None:
        for name in ("sums", "kinds", "special", "odd", "owners"):
            getattr(self, name).update(getattr(other, name))
        self.class_files = [a + b for a, b in zip(self.class_files, other.class_files)]
        self.class_bytes = [a + b for a, b in zip(self.class_bytes, other.class_bytes)]
        for key, group in other.groups.items():
            mine = self.groups.setdefault(key, [0, *group[1:]])
            mine[0] += group[0]
        for what, shown in other.examples.items():
            self.examples[what] = (self.examples.get(what, []) + shown)[:SHOWN]
        self.largest = max(self.largest, other.largest)
        self.longest_name = max(self.longest_name, other.longest_name, key=len)
        self.longest_path = max(self.longest_path, other.longest_path)
        for name in ("regular", "entries", "apparent", "allocated"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.errors += other.errors

    def example(self, what: str, path: bytes) -> None:
        shown = self.examples.setdefault(what, [])
        if len(shown) < SHOWN:
            shown.append(text(path))

    def inside(self, where: bytes, found: "List[bytes]", stats: "List[os.stat_result]") -> None:
        """Written for speed: what it does for every entry decides how long a survey takes. Paths are made for few."""
        n, of, bytes_, limits = self.entries, self.class_files, self.class_bytes, LIMITS
        regular = apparent = allocated = same = 0
        largest, owner = self.largest[0], (-1, -1)
        for at, seen in enumerate(stats):
            mode, inode, device, links, uid, gid, size, _, _, _ = seen
            if mode & 0o170000 == REG:
                blocks = seen.st_blocks * 512
                regular += 1
                apparent += size
                if size > largest:
                    largest = size
                    self.largest = (size, where + found[at])
                if links > 1:
                    self.groups.setdefault((device, inode), [0, size, blocks, where + found[at]])[0] += 1
                elif size - blocks >= GAP:
                    self.file(size, blocks, where + found[at])
                else:
                    k = bisect_left(limits, size)
                    of[k] += 1
                    bytes_[k] += size
                    allocated += blocks
            else:
                self.other(mode & 0o170000, where + found[at], seen)
            if (uid, gid) == owner:
                same += 1
            else:
                self.owners[owner] += same
                owner, same = (uid, gid), 1
            n += 1
            if n <= ATTRS or n % THEN == 0:
                self.attributes(where + found[at])
        self.owners[owner] += same
        del self.owners[-1, -1]
        self.entries, self.regular = n, self.regular + regular
        self.apparent += apparent
        self.allocated += allocated
        self.longest_path = max(self.longest_path, len(where) + max(map(len, found), default=0))

    def other(self, kind: int, path: bytes, seen: os.stat_result) -> None:
        if kind == DIR:
            self.kinds["dir"] += 1
            self.allocated += seen.st_blocks * 512
        elif kind == LINK:
            self.kinds["link"] += 1
            self.sums["symlink_bytes"] += seen.st_size
            self.apparent += seen.st_size
        else:
            name = SPECIAL.get(kind, "device")
            self.special[name] += 1
            self.kinds["dev" if name == "device" else "special"] += 1
            self.example("special", path)

    def file(self, size: int, allocated: int, path: bytes) -> None:
        k = bisect_left(LIMITS, size)
        self.class_files[k] += 1
        self.class_bytes[k] += size
        self.allocated += allocated
        if size - allocated >= GAP:
            self.sums["sparse"] += 1
            self.sums["sparse_gap"] += size - allocated
            self.example("sparse", path)

    def attributes(self, path: bytes) -> None:
        try:
            names = os.listxattr(self.top + path, follow_symlinks=False)
        except (OSError, AttributeError):
            return
        self.sums["attributes_seen"] += 1
        if not names:
            return
        if any(name.startswith("system.posix_acl") for name in names):
            self.sums["acls"] += 1
            self.example("acls", path)
        if any(not name.startswith(("system.", "security.selinux", "trusted.overlay")) for name in names):
            self.sums["xattrs"] += 1
            self.example("xattrs", path)

    def names(self, found: "List[bytes]", where: bytes) -> None:
        """The names of one directory. One look at all of them together: odd ones are few."""
        if not found:
            return
        self.longest_name = max(max(found, key=len), self.longest_name, key=len)
        together = b"/".join(found) + b"/"
        if ODD(together):
            for name in found:
                self.odd_name(name, where + name)
        lower = together.lower()
        if BEYOND(together) or (lower != together and len(set(lower.split(b"/"))) <= len(found)):
            self.twins(found, where)

    def odd_name(self, name: bytes, path: bytes) -> None:
        tests = ("newlines", b"\n" in name), ("control", CONTROL(name)), ("reserved", RESERVED(name))
        found = [what for what, test in tests if test]
        try:
            name.decode()
        except UnicodeDecodeError:
            found.append("non_utf8")
        for what in found:
            self.odd[what] += 1
            self.example(what, path)

    def twins(self, names: "List[bytes]", where: bytes) -> None:
        """Names that some file systems hold for the same: by Unicode's normal forms, or by case."""
        normal, folded = {}, {}  # type: Dict[str, bytes], Dict[str, bytes]
        for name in names:
            form = unicodedata.normalize("NFC", text(name))
            if normal.setdefault(form, name) != name:
                what = "unicode_twins"
            elif folded.setdefault(form.casefold(), name) != name:
                what = "case_twins"
            else:
                continue
            self.odd[what] += 1
            self.example(what, where + name)

    def unread(self, where: bytes, error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            self.sums["unread"] += 1
            self.errors.append("{}: {}".format(text(where), error.strerror))

    def told(self) -> "Dict[str, Any]":
        for _, size, allocated, path in self.groups.values():
            self.file(size, allocated, path)
        linked = [(n, size) for n, size, _, _ in self.groups.values() if n > 1]
        kinds = {**self.kinds, "reg": self.regular} if self.regular else self.kinds
        return {
            **self.sums, "way": "python3", "apparent": self.apparent, "allocated": self.allocated,
            "files": sum(self.class_files), "size": sum(self.class_bytes), "kinds": kinds,
            "class_files": self.class_files, "class_bytes": self.class_bytes, "link_groups": len(linked),
            "link_names": sum(n for n, _ in linked), "link_saved": sum((n - 1) * size for n, size in linked),
            "special": self.special, "odd": self.odd, "examples": self.examples,
            "owners": [[uid, gid, n] for (uid, gid), n in self.owners.most_common(OWNERS)], "owner_count": len(self.owners),
            "attributes_sampled": self.entries > ATTRS, "largest": self.largest[0], "largest_path": text(self.largest[1]),
            "longest_name": len(self.longest_name), "longest_name_is": text(self.longest_name),
            "longest_path": self.longest_path, "errors": self.errors[:SHOWN],
        }


def text(name: bytes) -> str:
    """Whatever the server's locale is (an old Python under LC_ALL=C takes names for ASCII)."""
    return name.decode("utf-8", "surrogateescape")


def hidden(path: bytes, is_dir: bool, rules: Rules) -> bool:
    return any((is_dir or not dirs_only) and rule(path) for rule, dirs_only in rules)


class Walk:
    """Everything below `top`, a directory at a time: inside(directory, names, what lstat says of each), names(names, directory);
    directories relative to `top`. Goes there itself, since short paths are looked up faster."""

    def __init__(self, top: bytes, prefix: bytes, rules: Rules) -> None:
        self.top, self.rules = top, rules
        self.lead = b"/" + prefix + b"/" if prefix else b"/"
        self.todo = [b""]
        self.base = top if top.startswith(b"/") else os.getcwdb() + b"/" + top

    def go(self, inside: Inside, names: Names, unread: "Callable[[bytes, OSError], None]", most: int = sys.maxsize) -> None:
        """Until all is seen, or `most` directories are known and not yet looked into."""
        while self.todo and len(self.todo) < most:
            where = self.todo.pop(0 if most < sys.maxsize else -1)
            found, stats = [], []  # type: List[bytes], List[os.stat_result]
            try:
                os.chdir(self.base + where)
                with os.scandir(b".") as entries:
                    self.look(entries, where, found, stats)
            except OSError as error:
                unread(where, error)
            inside(where, found, stats)
            names(found, where)

    def look(self, entries: "Iterable[os.DirEntry[bytes]]", where: bytes, found: "List[bytes]", stats: "List[Any]") -> None:
        rules, lead = self.rules, self.lead + where
        for each in entries:
            name = each.name
            if rules and hidden(lead + name, each.is_dir(follow_symlinks=False), rules):
                continue
            try:
                seen = each.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            found.append(name)
            stats.append(seen)
            if seen[0] & 0o170000 == DIR:
                self.todo.append(where + name + b"/")


def asked(command: str, top: bytes, prefix: bytes, inside: Inside, names: Names) -> int:
    """The same for what rsync names: it alone knows what some patterns hide. Its names are escaped as rsync(1) says."""
    import subprocess  # only here: most surveys do without, and a copy waits for them

    child = subprocess.Popen(["sh", "-c", command], stdout=subprocess.PIPE)
    folders = {}  # type: Dict[bytes, List[bytes]]
    for line in child.stdout or ():
        raw = re.sub(rb"\\#([0-7]{3})", lambda m: bytes([int(m.group(1), 8)]), line[:-1]).rstrip(b"/")
        if raw in (b"", b".", prefix):
            continue
        path = raw[len(prefix) + 1 :] if prefix else raw
        try:
            seen = os.lstat(top + path)
        except OSError:
            continue
        where, slash, name = path.rpartition(b"/")
        folders.setdefault(where + slash, []).append(name)
        inside(where + slash, [name], [seen])
    for where, found in folders.items():
        names(found, where)
    return child.wait()


def shared(walk: Walk, counts: Counts) -> None:
    """The rest of a walk, half of it by a second process. What that one saw comes through a pipe."""
    import pickle

    mine, other = walk.todo[::2], walk.todo[1::2]
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        apart = Counts(counts.top)
        walk.todo = other
        walk.go(apart.inside, apart.names, apart.unread)
        with open(writing, "wb") as out:
            pickle.dump(apart, out)
        os._exit(0)
    os.close(writing)
    walk.todo = mine
    walk.go(counts.inside, counts.names, counts.unread)
    with open(reading, "rb") as inside:
        counts.add(pickle.load(inside))
    os.waitpid(child, 0)


def count(told: "Dict[str, Any]") -> None:
    path, is_dir = root(told)
    counts = Counts(path.rstrip(b"/") + b"/" if is_dir else os.path.join(os.path.dirname(path), b""))
    walk = begun(told, counts.inside, counts.names, counts.unread)
    walk.go(counts.inside, counts.names, counts.unread, AHEAD)
    if walk.todo and (os.cpu_count() or 1) > 1:
        shared(walk, counts)
    walk.go(counts.inside, counts.names, counts.unread)
    print(json.dumps(counts.told()))


def show(told: "Dict[str, Any]") -> None:
    out, failed = [], []  # type: List[bytes], List[bytes]

    def inside(where: bytes, found: "List[bytes]", stats: "List[os.stat_result]") -> None:
        for name, seen in zip(found, stats):
            mode, inode, device, links, _, _, size, _, _, _ = seen
            if mode & 0o170000 == REG:
                out.append(b"%d %d %d:%d %d %s%s\0" % (size, links, device, inode, seen.st_blocks, where, name))
        if len(out) > 4000:
            sys.stdout.buffer.write(b"".join(out))
            del out[:]

    def names(found: "Iterable[bytes]", where: bytes) -> None:
        pass

    def unread(where: bytes, error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            failed.append(where)
            sys.stderr.write("{}: {}\n".format(ascii(where)[2:-1], error.strerror))

    begun(told, inside, names, unread).go(inside, names, unread)
    sys.stdout.buffer.write(b"".join(out))
    sys.stdout.buffer.flush()
    sys.exit(1 if failed else 0)


def root(told: "Dict[str, Any]") -> "Tuple[bytes, bool]":
    """Its path, and whether what is in it is meant."""
    path = os.fsencode(told["path"])
    return path, os.path.isdir(path) and not (told["prefix"] and os.path.islink(path))


def begun(told: "Dict[str, Any]", inside: Inside, names: Names, unread: "Callable[[bytes, OSError], None]") -> Walk:
    """The root itself is seen, and the walk of the rest given back; an empty one where there is nothing more."""
    (path, is_dir), prefix = root(told), os.fsencode(told["prefix"])
    top = path.rstrip(b"/") + b"/" if is_dir else path
    rules = [(re.compile(rule.encode("latin-1"), re.DOTALL).search, dirs_only) for rule, dirs_only in told["rules"]]  # type: Rules
    walk = Walk(top, prefix, rules)
    try:
        seen = os.stat(top) if is_dir else os.lstat(top)
    except OSError as error:
        sys.exit("{}: {}".format(told["path"], error.strerror))
    if prefix and hidden(b"/" + prefix, is_dir, rules):
        walk.todo = []
        return walk
    name = os.path.basename(top)
    inside(b"", [b"" if is_dir else name], [seen])
    if not is_dir or told["ask"]:
        walk.todo = []
    if not is_dir:
        names([name], b"")
    elif told["ask"]:
        code = asked(told["ask"], top, prefix, inside, names)
        if code:
            unread(b"rsync", OSError(code, "exit {}".format(code)))
    return walk


if __name__ == "__main__":
    gc.disable()  # nothing here refers to itself
    {"count": count, "list": show}[sys.argv[1]](json.loads(sys.argv[2]))
