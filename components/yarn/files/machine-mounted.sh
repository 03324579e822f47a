#!/bin/sh
# Fails where one of these folders is no share now: what is written there would be lost to sight with the next mount. To list it mounts it.
set -eu
for folder; do
  ls "$folder" > /dev/null
  findmnt --mountpoint "$folder" --types noautofs > /dev/null || { echo "$folder is not mounted" >&2; exit 1; }
done
