#!/bin/sh
# rebuild.sh LAYOUT ROOT TARGET: the structure of one server of the demo, as empty as a new machine.
# Uploaded by the cockpit and run by its first line; its output is in the journal as it comes.
set -eu
layout=$1 root=$2 target=$3
cd "$root"

step() {
    echo "$*"
    sleep 0.4
}

[ ! -e "$target" ] || { echo "$target is there already" >&2; exit 1; }
case $layout in
    shares)
        step "volumes for the shares"
        mkdir -p export/snapshots "$target"
        step "exports"
        echo "/$target *(ro)" > etc/exports
        ;;
    database)
        step "a cluster of its own version"
        mkdir -p "$target" cluster/16/wal
        chmod 700 "$target"
        step "its configuration"
        echo "data_directory = '/$target'" > etc/cluster.conf
        ;;
    site)
        step "one root for each site"
        mkdir -p "$target" sites/main/logs
        step "the site's configuration"
        echo "root /$target;" > etc/site.conf
        ;;
    spool)
        step "the spool"
        mkdir -p "$target" spool/queue spool/quarantine
        step "who may write where"
        chmod 755 spool
        chmod 700 spool/quarantine
        ;;
    pool)
        step "a pool for the images"
        mkdir -p "$target" pool/snapshots
        step "its definition"
        echo "pool /$target" > etc/pool.conf
        ;;
    *)
        echo "no layout $layout" >&2
        exit 2
        ;;
esac
[ ! -e etc/rc ] || echo "$target" > etc/data
step "$layout is ready at /$target"
