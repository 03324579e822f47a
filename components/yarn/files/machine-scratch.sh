#!/bin/sh
# Mounts the machine's volume at /work, with a file system where it has none. Argument: the first 20 signs of Cinder's id of the volume, which
# Nova gives to the disk as its serial number (virtio-blk; virtio-scsi has all of the id). The volume may come minutes after the machine.
# It outlives the machine. What drivers and executors of the last one have left is nobody's.
set -eu
attempts=0
until disk=$(find "${DISKS:-/dev/disk/by-id}" -name "*$1*" | head -n 1) && [ -n "$disk" ]; do
  [ $((attempts += 1)) -lt "${ATTEMPTS:-120}" ] || { echo "no disk has the serial number $1" >&2; exit 1; }
  sleep 5
done
blkid "$disk" > /dev/null || mkfs.ext4 -q -m 0 "$disk"
mkdir -p /work
mountpoint -q /work || mount -o noatime,nodev,nosuid "$disk" /work
rm -rf /work/scratch
install -d -o spark -g spark -m 0755 /work/scratch /work/.ivy2
