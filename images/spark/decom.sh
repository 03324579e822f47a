#!/bin/bash
# The preStop hook of an executor (spark.kubernetes.decommission.script): asks the executor to hand its blocks over, and waits until it ends.
# The kubelet sends SIGTERM when this script returns.
executor="$(pgrep -o -x java)" || exit 0
kill -s PWR "$executor" || exit 0
while kill -0 "$executor" 2> /dev/null; do sleep 1; done
