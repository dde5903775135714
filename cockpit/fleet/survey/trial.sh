# What can be kept at a place, found by trying, with the tools that POSIX and busybox have. $1: the path. "key value" lines, value 1,
# 0, or a number; a key that is not said could not be tried. All is removed at the end, whatever that is.
LC_ALL=C; export LC_ALL
place=$1
while [ ! -d "$place" ]; do n=$(dirname -- "$place"); [ "$n" = "$place" ] && break; place=$n; done
has() { command -v "$1" >/dev/null 2>&1; }
say() { echo "$1 $2"; }
yes() { key=$1; shift; if "$@" >/dev/null 2>&1; then say "$key" 1; else say "$key" 0; fi; }
printf 'place %s\n' "$place" | tr '\n' ' '; echo
say uid "$(id -u)"
echo "groups $(id -G)"
df -Pk -- "$place" | awk 'END { for (i = 1; i <= NF; i++) if ($i ~ /%$/) printf "free %.0f\n", $(i - 1) * 1024 }'
df -Pi -- "$place" 2>/dev/null | awk 'END { for (i = 1; i <= NF; i++) if ($i ~ /%$/ && $(i - 3) > 0) print "inodes " $(i - 1) }'
kind=$(stat -f -c %T -- "$place" 2>/dev/null) && say file_system "$kind"
t=$place/.cockpit-trial-$$-$(date +%s)
trap 'rm -rf -- "$t"' EXIT
trap 'exit 1' HUP INT TERM PIPE
if ! why=$( (umask 077; mkdir -- "$t") 2>&1 ); then say writable 0; echo "why $why" | tail -n 1; exit 0; fi
say writable 1
cd -- "$t" || exit 1
size() { stat -c "$1" -- "$2" 2>/dev/null; }
: >o; chown 12345:54321 o 2>/dev/null; [ -n "$(size %u o)" ] && yes chown [ "$(size %u:%g o)" = 12345:54321 ]
: >m; chmod 751 m 2>/dev/null && a=$(size %a m); chmod 600 m 2>/dev/null; [ -n "$(size %a m)" ] && yes modes [ "$a:$(size %a m)" = 751:600 ]
: >a; has setfacl && yes acl setfacl -m u:12345:r a
: >x; has setfattr && yes xattr setfattr -n user.cockpit -v kept x
: >h; ln h h2 2>/dev/null; yes hard_links [ h -ef h2 ]
ln -s no/where s 2>/dev/null; yes symlinks [ -L s ]
mkfifo p 2>/dev/null; yes special [ -p p ]
mknod d c 1 3 2>/dev/null; yes devices [ -c d ]
dd if=/dev/null of=hole bs=1024 seek=8192 2>/dev/null; sync; b=$(size %b hole); [ -n "$b" ] && yes holes [ "$b" -lt 8192 ]
: >n; if touch -d '2001-09-09 01:46:40.123456789' n 2>/dev/null; then y=$(stat -c %y n 2>/dev/null); case $y in
    *.123456789*) say nanoseconds 1;; *.*) say nanoseconds 0;; esac; fi
two() { mkdir "$1"; (: >"$1/$2"; : >"$1/$3") 2>/dev/null; yes "$1" [ "$(ls -A "$1" | wc -l)" = 2 -a -e "$1/$2" -a -e "$1/$3" ]; }
two case case CASE
two unicode "$(printf '\303\251')" "$(printf 'e\314\201')"
two any_bytes "$(printf 'bad\377')" "$(printf 'bad\376')"
mkdir any_marks; (: >'any_marks/a:*?"<>|\b'; : >'any_marks/end. ') 2>/dev/null
yes any_marks [ -e 'any_marks/a:*?"<>|\b' -a -e 'any_marks/end. ' -a ! -e any_marks/end ]
for long in 255 143 100 64 30 14; do
    name=$(printf "%${long}s" | tr ' ' x); (: >"$name") 2>/dev/null && [ -e "$name" ] && { say name_bytes $long; break; }
done
case $kind in msdos|vfat) say file_limit 4294967295;; esac
:
