#!/bin/bash
# Runs an interpreter, and ends it when its Python has ended: it would fail every later paragraph ("Python process is abnormally exited",
# zeppelin: python/PythonInterpreter.java), for instance when Python alone was killed for its memory. The next paragraph starts a new one.
if [ -n "${CONNECT_ADDRESS:-}" ]; then
  # Whoever has this word is this driver's person to Spark Connect. It is made here, so that it stands in no object of Kubernetes and in no
  # setting of Spark, and it ends with the driver.
  SPARK_CONNECT_AUTHENTICATE_TOKEN=$(python3 -c 'import secrets; print(secrets.token_hex(32))') || exit 1
  export SPARK_CONNECT_AUTHENTICATE_TOKEN
fi
interpreter="${INTERPRETER:-/opt/zeppelin/bin/interpreter.sh}"
"$interpreter" "$@" &
process=$!
trap 'kill -TERM $process' TERM INT
python= gone=0
while kill -0 $process 2> /dev/null; do
  # Each script from here to the JVM hands its process over (exec), so Python is this process' own child.
  if pgrep -P $process -f '/zeppelin_python\.py ' > /dev/null; then
    python=seen gone=0
  elif [ "$python" = seen ] && [ $((gone += 1)) -gt "${PATIENCE:-15}" ]; then
    # An interpreter that closes in order ends by itself before that, and writes its event log to the end.
    echo "Python has ended, so its interpreter stops, too. Variables are lost; the next paragraph starts a new interpreter."
    kill -TERM $process
    python=
  fi
  # A signal ends the wait, and would not end a sleep.
  sleep "${SECONDS_BETWEEN:-2}" &
  wait $!
done
wait $process
