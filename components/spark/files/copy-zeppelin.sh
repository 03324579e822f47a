# Copies what one interpreter group needs from the Zeppelin image into the folder that the Spark image mounts at /opt/zeppelin.
# Arguments: interpreter group, such as spark; executor template, such as spark-large; PriorityClass and label of its executors; the Pod.
# The folder /copy is an emptyDir of the Pod.
set -eu
home="${ZEPPELIN_HOME:-/opt/zeppelin}"
target="${COPY_TO:-/copy}"
mkdir -p "$target/interpreter"
cp -r "$home/bin" "$home/conf" "$target/"
cp -r "$home/interpreter/$1" "$target/interpreter/"
# Every interpreter needs the shaded jar that stands beside the interpreters' folders.
cp "$home"/interpreter/zeppelin-interpreter-shaded-*.jar "$target/interpreter/"
if [ "$1" = spark ]; then
  sed -e "s/@priority@/$3/" -e "s/@user@/$4/" "${PLATFORM:-/opt/platform}/executor-$2.yaml" > "$target/executor.yaml"
  # The application is called like its Pod, so that whoever reads of it later knows whose it was. Event logs go where they outlive the
  # driver, if that can be written: a driver that cannot write its log does not start at all.
  events="${EVENTS:-/work/spark-events}"
  mkdir -p "$events" "$target/spark-conf"
  history="${HISTORY:-/history}"
  if [ -d "$history" ] && touch "$history/.writable" 2> /dev/null; then
    rm -f "$history/.writable"
    events="$history"
  fi
  printf 'spark.app.id %s\nspark.eventLog.dir file://%s\n' "$5" "$events" > "$target/spark-conf/spark-defaults.conf"
  # A driver beside Yarn. Zeppelin's launcher gives settings to drivers beside Kubernetes alone, so here a file has all of them.
  yarn="${PLATFORM:-/opt/platform}/yarn-${2%.person}.conf"
  if [ -e "$yarn" ]; then
    sed -e "s/@pod@/$5/" -e "s/@user@/$4/" "$yarn" >> "$target/spark-conf/spark-defaults.conf"
    mkdir -p "$target/yarn-conf"
    cp "${PLATFORM:-/opt/platform}/yarn-site.xml" "$target/yarn-conf/"
    # What an application left for its executors stays when it has ended, because NodeManagers may not write there.
    find "${STAGING:-/staging}/$4/.sparkStaging" -mindepth 1 -maxdepth 1 -mtime +30 -exec rm -rf {} + 2> /dev/null || true
  fi
fi
