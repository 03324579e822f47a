"""Zeppelin's image, which no package registry has: a built Zeppelin on the Spark image's Debian, or what stands in for it.

What stands in is a shell, and an interpreter that is the tests' own driver program. An interpreter's Pod then runs as its template says,
initContainer and command included. In place of Zeppelin's interpreter process it runs `tests/cloud/driver_program.py`, with the settings of
/work/options. As with Zeppelin, whose interpreter.sh ends with `exec`, spark-submit's Java takes the place of the shell. And as with
Zeppelin, spark-submit sees a class of Java that starts Python by itself: it would set for a Python program what it sets for no interpreter.
"""

import json
import shutil
from pathlib import Path
from typing import Any

from images import build, layout
from images.layout import Layer

_PROGRAM = Path(__file__).parents[1] / "driver_program.py"
_INTERPRETER = """#!/bin/bash
# Questions come by a pipe that never ends, and answers go to a file: nobody holds a connection to this Pod.
set -eu
mkfifo /work/questions
touch /work/answers
exec 3<>/work/questions
# The first process of a container ends by a signal only if it says so.
trap 'exit 0' TERM
until [ -e /work/options ]; do
  sleep 0.1 &
  wait $!
done
mapfile -t options < /work/options
# The empty word is PythonRunner's list of further Python files.
python=(/opt/zeppelin/interpreter/spark/driver_program.py "" /work/properties.json /work/questions /work/answers)
exec "$SPARK_HOME/bin/spark-submit" --class org.apache.spark.deploy.PythonRunner "${options[@]}" spark-internal "${python[@]}"
"""


def real(folder: Path, reference: str, built: Path) -> Path:
    """Make the image of a built Zeppelin in a folder, and return it as one tar. reference: its name.

    Its user and its place are those of Zeppelin's own image (zeppelin: scripts/docker/zeppelin/bin/Dockerfile).
    """
    shutil.copytree(built, folder / "root/opt/zeppelin", symlinks=True)
    return _image(folder, reference, JAVA_HOME="/usr/lib/jvm/java-17-openjdk-amd64", ZEPPELIN_HOME="/opt/zeppelin")


def stand_in(folder: Path, reference: str) -> Path:
    """Make what stands in for the image in a folder, and return it as one tar. reference: its name."""
    home = folder / "root/opt/zeppelin"
    for name in ("bin", "conf", *(f"interpreter/{group}" for group in ("spark", "python", "md", "sh"))):
        (home / name).mkdir(parents=True)
    (home / "bin/interpreter.sh").write_text(_INTERPRETER)
    (home / "bin/interpreter.sh").chmod(0o755)
    (home / "interpreter/zeppelin-interpreter-shaded-0.jar").touch()
    shutil.copyfile(_PROGRAM, home / "interpreter/spark" / _PROGRAM.name)
    return _image(folder, reference)


def _image(folder: Path, reference: str, **environment: str) -> Path:
    """The image of what stands in `root`, on Debian."""
    root, target = folder / "root", folder / "layout"
    own = layout.pack(root, sorted(layout.snapshot(root)), folder / "layer.tar.gz")
    variables = [f"{name}={value}" for name, value in ({"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"} | environment).items()]
    layout.write(target, [_debian(), own], {"User": "1000", "Env": variables, "WorkingDir": "/"}, reference)
    packed = folder / "zeppelin.tar"
    layout.archive(target, packed, [reference])
    return packed


def _debian() -> Layer:
    """The Spark image's layer of Debian, which the node has anyway."""
    spark = build.image("spark").layout
    blobs = spark / "blobs" / "sha256"

    def read(digest: str) -> dict[str, Any]:
        return json.loads((blobs / digest.removeprefix("sha256:")).read_text())

    manifest = read(layout.digest(spark))
    first, config = manifest["layers"][0], read(manifest["config"]["digest"])
    file = blobs / first["digest"].removeprefix("sha256:")
    return Layer(file=file, digest=first["digest"], content=config["rootfs"]["diff_ids"][0], size=first["size"])
