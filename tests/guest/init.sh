#!/bin/busybox sh
# The guest's first process: lays the host's files, read-only, under a file system in memory,
# mounts what a machine with nothing but cgroup v2 has, and hands over to /work.
/bin/busybox --install -s /bin
export PATH=/bin
set -e

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
while read -r module; do insmod "/modules/$module"; done < /modules/order

mount -t virtiofs -o ro host /host
mount -t tmpfs -o size=80% tmpfs /upper
# $1 of the host's files becomes /new$1, and can be written.
show() {
    layer=/upper/$(echo "$1" | tr / -)
    mkdir -p "$layer/upper" "$layer/work" "/new$1"
    mount -t overlay -o "lowerdir=/host$1,upperdir=$layer/upper,workdir=$layer/work" overlay "/new$1"
}
show /

mount -t proc proc /new/proc
mount -t sysfs sysfs /new/sys
mount -t devtmpfs devtmpfs /new/dev
mkdir -p /new/dev/pts /new/dev/shm
mount -t devpts -o mode=620,ptmxmode=666 devpts /new/dev/pts
mount -t tmpfs -o mode=1777 tmpfs /new/dev/shm
mount -t tmpfs -o mode=1777 tmpfs /new/tmp
mount -t tmpfs -o mode=755 tmpfs /new/run
# Containers' own layers: an overlay cannot lie on an overlay, nor be id-mapped.
mount -t ext4 /dev/vda /new/var/tmp
chmod 1777 /new/var/tmp
mount -t cgroup2 -o nsdelegate cgroup2 /new/sys/fs/cgroup
while read -r place; do show "$place"; done < /shown

ifconfig lo 127.0.0.1 up
hostname guest
mkdir /new/run/guest
cp /work /new/run/guest/work
while [ "$(cat /sys/class/virtio-ports/*/name | sort | tr '\n' ' ')" != "output results " ]; do
    sleep 0.1
done
for port in /sys/class/virtio-ports/*; do
    ln -s "/dev/${port##*/}" "/new/run/guest/$(cat "$port/name")"
done
# In a chroot(2) the kernel makes no user namespaces; this one is none.
exec switch_root /new /run/guest/work
