#!/bin/bash
# Zeppelin starts each interpreter by this, as its own user. What people write runs as another one, who cannot read the files of the login and of notebooks.
# `-u` is the person whose interpreter it is: Yarn counts what they use by that name.
if [ "$(id -un)" != "${PEOPLE:=spark}" ]; then
  unset ZEPPELIN_CREDENTIALS_ENCRYPT_KEY
  exec sudo --non-interactive --preserve-env --user="$PEOPLE" -- "$0" "$@"
fi
arguments=()
while [ $# -gt 0 ]; do
  if [ "$1" = -u ]; then
    HADOOP_USER_NAME=$(printf %s "$2" | tr '[:upper:]' '[:lower:]' | sed -E 's/[^a-z0-9]+/-/g; s/^-+//; s/-+$//')
    export HADOOP_USER_NAME
    shift 2
  else
    arguments+=("$1")
    shift
  fi
done
HOME=$(mktemp -d "${SCRATCH:-/work/scratch}/interpreter.XXXXXX") || exit 1
export HOME USER=$PEOPLE LOGNAME=$PEOPLE ZEPPELIN_LOG_DIR=$HOME/logs
cd "$HOME" || exit 1
exec "${RUN:-/opt/platform/run-interpreter.sh}" "${arguments[@]}"
