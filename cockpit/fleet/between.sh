# cockpit: ssh between two servers, as rsync's -e and the jobs' own programs call it. The route's directory is the one that this
# file lies in. Set before this text: ck_address ck_port ck_user ck_ciphers ck_kex ck_timeout.
d=${0%/*}
shift
unset SSH_AUTH_SOCK SSH_ASKPASS DISPLAY
c=
if [ -s "$d/ciphers" ]; then
    read -r c < "$d/ciphers"
else
    grep -qw aes /proc/cpuinfo 2>/dev/null && ssh -Q cipher 2>/dev/null | grep -qx aes128-gcm@openssh.com && c="-c $ck_ciphers"
    printf '%s\n' "$c" > "$d/ciphers"
fi
[ -z "$COCKPIT_PROBE" ] || c="$c -o KexAlgorithms=$ck_kex"
set -- -p "$ck_port" -l "$ck_user" -- "$ck_address" "$@"
if [ -s "$d/dialer" ] && command -v python3 > /dev/null 2>&1; then
    # ssh hands the command to $SHELL, which may be anybody's. The address is what another server says of itself: as a %h it would be
    # shell text, and run here.
    SHELL=/bin/sh ck_dialer=$d/dialer
    export SHELL ck_dialer ck_address ck_port ck_timeout
    set -- -o ProxyUseFdpass=yes \
        -o ProxyCommand='python3 -I -S "$ck_dialer" "$ck_address" "$ck_port" "$ck_timeout"' "$@"
fi
exec ssh $c -F /dev/null -T -a -x -o StrictHostKeyChecking=yes -o BatchMode=yes -o IdentitiesOnly=yes \
    -o GlobalKnownHostsFile=/dev/null -o UserKnownHostsFile="\"$d/known_hosts\"" -o HostKeyAlias=cockpit-other \
    -o IdentityFile="\"$d/key\"" -o PreferredAuthentications=publickey -o CheckHostIP=no -o UpdateHostKeys=no \
    -o ControlMaster=no -o ControlPath=none -o ClearAllForwardings=yes -o Compression=no -o LogLevel=ERROR \
    -o ConnectTimeout="$ck_timeout" -o ServerAliveInterval=15 -o ServerAliveCountMax=4 "$@"
