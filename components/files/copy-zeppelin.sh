# Copies what one interpreter group needs from the Zeppelin image into the folder that the Spark image mounts at /opt/zeppelin.
# Arguments: interpreter group, such as spark; executor template, such as spark-large; PriorityClass and label of its executors.
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
  mkdir -p "${EVENTS:-/work/spark-events}"
fi
