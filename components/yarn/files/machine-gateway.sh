#!/bin/sh
# What the gateway's machine has beside its services: folders on shares, and Zeppelin's own.
set -eu
cd /opt/platform

# Manila hands out a share whose root belongs to root alone.
own() {
  owner=$(stat -c %u "$3")
  [ "$owner" != 0 ] || { chown "$1" "$3"; chmod "$2" "$3"; }
}
./mounted.sh /notebooks @history@
own @zeppelin_uid@:0 0770 /notebooks
own @spark_uid@:@spark_uid@ 0770 @history@
install -d -o spark -g spark -m 0700 @history@/@staging_folder@

install -o zeppelin -g zeppelin -m 0400 shiro.ini /opt/zeppelin/conf/shiro.ini
install -d -o zeppelin -g zeppelin -m 0755 /var/lib/zeppelin /var/lib/zeppelin/interpreter
# The index of the search has the text of all notebooks. Whoever could write into the folder of logs would lead Zeppelin's to other files.
install -d -o zeppelin -g zeppelin -m 0700 /var/lib/zeppelin/closing /var/lib/zeppelin/index /var/lib/zeppelin/logs
# Interpreters are other people's processes, and write here, too.
install -d -o zeppelin -g spark -m 2775 /var/lib/zeppelin/local-repo
for language in @languages@; do
  install -d -o zeppelin -g zeppelin -m 0755 "/var/lib/zeppelin/interpreter/$language"
  # seed-interpreters.py writes the file of its settings.
  find "/opt/zeppelin/interpreter/$language" -mindepth 1 -maxdepth 1 ! -name interpreter-setting.json \
    -exec ln -sfn -t "/var/lib/zeppelin/interpreter/$language" {} +
done
systemctl enable nginx.service
systemctl restart nginx.service
