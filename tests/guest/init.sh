#!/bin/busybox sh
# The first process of the guest: shows the host's tree, read-only, and runs a command in it.
set -e
export PATH=/
for name in mount insmod chroot mkdir poweroff sh; do /bin/busybox ln -s /bin/busybox /$name; done

mount -t proc none /proc
for module in $(/bin/busybox cat /modules/order); do insmod /modules/"$module"; done
mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose,msize=512000 host /host
mount -t proc none /host/proc
mount -t sysfs none /host/sys
mount -t devtmpfs none /host/dev
mkdir -p /host/dev/shm
mount -t tmpfs none /host/dev/shm

command=$(/bin/busybox cat /command)
PATH=/usr/bin:/bin /chroot /host /bin/sh -c "$command" || true
poweroff -f
