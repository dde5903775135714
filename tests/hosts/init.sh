# The first process of a test host: makes its world, starts its SSH server, then reaps and waits.
# bash, since its SIGCHLD handler reaps orphans at once: a zombie would look like a job that still runs.
# Arguments: the host's disk, its name, the command that starts its SSH server.
# Says its process id as the machine sees it on stdout; ends (and everything with it) when stdin closes.
set -e
disk=$1 name=$2 server=$3
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
read -r outer _ </proc/self/stat
hostname "$name"
mount --bind "$disk" "$disk"
mount -a -T "$disk/.fstab"
cd "$disk"
mkdir -p .old
pivot_root . .old
cd /
umount -l /.old
exec 2>>/var/log/init.log
cd /root
env -i PATH="$PATH" HOME=/root sh -c "$server" </dev/null >>/var/log/init.log 2>&1
echo "$outer"
exec >/dev/null
set +e
while read -r _; do :; done
