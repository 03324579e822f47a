# Copies what one interpreter group needs from the Zeppelin image into the folder that the Spark image mounts at /opt/zeppelin.
# Argument: name of the interpreter group, such as spark. The folder /copy is an emptyDir of the Pod.
set -eu
home="${ZEPPELIN_HOME:-/opt/zeppelin}"
target="${COPY_TO:-/copy}"
mkdir -p "$target/interpreter"
cp -r "$home/bin" "$home/conf" "$target/"
cp -r "$home/interpreter/$1" "$target/interpreter/"
# Every interpreter needs the shaded jar that stands beside the interpreters' folders.
cp "$home"/interpreter/zeppelin-interpreter-shaded-*.jar "$target/interpreter/"
