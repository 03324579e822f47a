#!/bin/sh
# Makes a machine what its files say: packages, the firewall, software, shares and services. systemd runs it with each boot until it has ended
# well, and it does again only what has not been done. Services of ours begin with it and with nothing else: not before their shares are there.
# The gateway's nginx begins with the boot, and answers 502 until Zeppelin is there.
set -euf
cd /opt/platform

# A mirror that is away now is asked again by the next run. No service of a package begins before the firewall, and this machine's own files stay.
if [ ! -e installed ]; then
  export DEBIAN_FRONTEND=noninteractive
  printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
  chmod 755 /usr/sbin/policy-rc.d
  dpkg --force-confold --configure --pending
  apt-get --quiet update
  # shellcheck disable=SC2046 # one word for each package
  apt-get --quiet --yes --option Dpkg::Options::=--force-confold install $(cat packages)
  rm /usr/sbin/policy-rc.d
  touch installed
fi

systemctl enable nftables.service
# A restart would take the rules away for a moment, and restart who needs them.
systemctl reload-or-restart nftables.service

# Lines: folder below /opt, SHA-512, address.
while read -r name digest address; do
  folder=/opt/$name
  [ "$(cat "$folder/.sha512" 2> /dev/null || true)" = "$digest" ] && continue
  archive=/var/tmp/$name.archive
  curl --fail --silent --show-error --location --retry 5 --output "$archive" "$address"
  echo "$digest  $archive" | sha512sum --check --quiet
  rm -rf "$folder"
  mkdir -p "$folder"
  tar --extract --file "$archive" --directory "$folder" --strip-components=1 --no-same-owner
  rm "$archive"
  if [ "$name" = hadoop ]; then
    # Yarn's daemons, and no other of Hadoop's: one folder for their class path.
    mkdir "$folder/jars"
    find "$folder/share/hadoop/common" "$folder/share/hadoop/yarn" -name '*.jar' ! -name '*-tests.jar' ! -name '*-sources.jar' \
      -exec ln -sf -t "$folder/jars" {} +
  fi
  echo "$digest" > "$folder/.sha512"
  echo "$name is unpacked"
done < archives

# A share that cannot be mounted now is mounted by whoever asks for it first.
while read -r line; do
  # shellcheck disable=SC2086 # fields
  set -- $line
  mkdir -p "$2"
  grep -qxF "$line" /etc/fstab || echo "$line" >> /etc/fstab
done < fstab
systemctl daemon-reload
systemctl restart remote-fs.target

[ ! -e prepare.sh ] || ./prepare.sh
# shellcheck disable=SC2046 # one word for each unit
systemctl start $(cat units)
echo "this machine is set up"

