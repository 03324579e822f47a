"""Stack files for tests: the real ones, changed."""

import copy
import json
from pathlib import Path
from typing import Any

import yaml

from settings import StackFileError, StackSettings, load, load_file

ROOT = Path(__file__).resolve().parents[2]
STACKS = ("dev", "prod", "local")
PROGRAM = ("cli", "components", "doctor", "layers", "operate", "policy", "preview", "recording", "review", "settings", "switch")
"""Packages of the program."""


def document(stack: str) -> dict[str, Any]:
    """A real stack file's configuration by section, as plain data that a test may change."""
    return {key: _decoded(value) for key, value in load_file(ROOT, stack).config.items()}


def _decoded(text: str) -> Any:
    return json.loads(text) if text[:1] in "{[" else text


def changed(stack: str, path: str, value: Any) -> dict[str, Any]:
    """A real stack file's configuration with one key set (`cloud.cluster.workers.count`, `datasets.0.name`); None removes it."""
    data = copy.deepcopy(document(stack))
    first, *rest = path.split(".")
    parts = [f"gaia-dmp:{first}", *rest]
    parent: Any = data
    for part in parts[:-1]:
        parent = parent[int(part)] if isinstance(parent, list) else parent.setdefault(part, {})
    last: Any = int(parts[-1]) if isinstance(parent, list) else parts[-1]
    if value is None:
        del parent[last]
    else:
        parent[last] = value
    return data


SPARK_3_5 = {"spark": "docker.io/apache/spark:3.5.8-scala2.12-java17-python3-ubuntu", "versions": {"spark": "3.5.8", "scala": "2.12"}}
"""Images of a stack that stays with Spark 3.5."""
OWN_SPARK_3_5 = {
    "spark": "registry.example.org/gaia-dmp/spark:3.5.8",
    "versions": SPARK_3_5["versions"] | {"python": "3.11"},
}
"""The same with the image of `images/`."""


def connected(data: dict[str, Any]) -> dict[str, Any]:
    """A configuration with Spark Connect."""
    return data | {"gaia-dmp:spark": data["gaia-dmp:spark"] | {"connect": True}}


YARN = {"kind": "yarn", "workers": 1, "cores": 5, "memory_gib": 14, "scratch_gib": 20}
YARN_IMAGES: dict[str, Any] = OWN_SPARK_3_5 | {"yarn": "registry.example.org/gaia-dmp/yarn:1"}
"""Images of a stack with Yarn: its daemons, and a Spark of the same version and Python."""


def _storage(data: dict[str, Any]) -> str:
    """What new storage of a stack can be: a share, or a volume where the cluster is all that there is."""
    return "storage_class" if data["gaia-dmp:cloud"]["kind"] == "kubernetes" else "share"


def with_yarn(data: dict[str, Any], **backend: Any) -> dict[str, Any]:
    """A configuration with Yarn in place of Kubernetes."""
    spark = {"history": {"kind": _storage(data), "size_gib": 1}} | data["gaia-dmp:spark"] | {"backend": YARN | backend}
    return data | {"gaia-dmp:spark": spark, "gaia-dmp:images": data.get("gaia-dmp:images", {}) | YARN_IMAGES}


def with_gpus(data: dict[str, Any]) -> dict[str, Any]:
    """A configuration with a pool of two nodes with two GPUs each, and a profile `gpu` whose executors have one."""
    cloud = copy.deepcopy(data["gaia-dmp:cloud"])
    size = {"count": 2, "vcpus": 8, "memory_gib": 32, "disk_gib": 60}
    cloud["cluster"]["pools"].append({"name": "gpu", "flavor": "vm.gpu.a100", "gpus": 2} | size)
    spark = copy.deepcopy(data["gaia-dmp:spark"])
    spark["profiles"].append({"name": "gpu", "max_executors": 2, "gpu": {"pool": "gpu"}})
    spark["quota"]["gpus"] = 3
    return data | {"gaia-dmp:cloud": cloud, "gaia-dmp:spark": spark}


MACHINES: dict[str, Any] = {
    "kind": "yarn-machines",
    "image": "debian-12-genericcloud",
    "first_address": "10.10.0.20",
    "gateway": {"flavor": "vm.v1.xlarge", "vcpus": 16, "memory_gib": 64, "disk_gib": 60},
    "worker": {"flavor": "vm.v1.large", "vcpus": 8, "memory_gib": 32, "disk_gib": 60},
    "workers": 2,
    "cores": 8,
    "memory_gib": 28,
    "scratch_gib": 200,
    "software": {
        "mirror": "https://mirror.example.org/gaia-dmp/",
        "hadoop": {"file": "hadoop-3.5.0.tar.gz", "sha512": "a" * 128},
        "spark": {"file": "spark-3.5.8-bin-hadoop3.tgz", "sha512": "b" * 128},
        "zeppelin": {"file": "zeppelin-0.12.1-bin-all.tgz", "sha512": "c" * 128},
    },
}
"""Two workers and their gateway."""


def with_machines(data: dict[str, Any], **backend: Any) -> dict[str, Any]:
    """A configuration with Yarn on machines in place of a cluster, and a way in for browsers."""
    entry = {"kind": "load_balancer", "hostname": "zeppelin.example.org", "tls": {"kind": "self_signed"}}
    spark = {"history": {"kind": "share", "size_gib": 1}} | data["gaia-dmp:spark"] | {"backend": MACHINES | backend}
    found = data | {"gaia-dmp:spark": spark}
    return found if data["gaia-dmp:entry"]["kind"] == "load_balancer" else found | {"gaia-dmp:entry": entry}


MODEL_IMAGES = {"spark": "registry.example.org/gaia/spark:4.0.5", "mlflow": "registry.example.org/gaia/mlflow:3.17.2"}
"""Images of a stack with models: its server, and a Spark that has a client of it."""


def with_models(data: dict[str, Any]) -> dict[str, Any]:
    """A configuration with models, on a share where the stack can make one, and with the images that they need."""
    return data | {
        "gaia-dmp:images": data.get("gaia-dmp:images", {}) | MODEL_IMAGES,
        "gaia-dmp:models": {"store": {"kind": _storage(data)}},
    }


def as_config(data: dict[str, Any]) -> dict[str, str]:
    """Configuration as the engine hands it over."""
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in data.items()}


def settings_of(data: dict[str, Any]) -> StackSettings:
    """The settings in a configuration; its secrets need not be there."""
    return load(as_config(data), set(), "Pulumi.test.yaml", need_secrets=False)


def refusal(data: dict[str, Any]) -> str:
    """The message with which a configuration is refused; fails where it is accepted."""
    try:
        settings_of(data)
    except StackFileError as error:
        return str(error)
    raise AssertionError("the stack file was accepted")


def text_of(data: dict[str, Any]) -> str:
    """A configuration as the text of a stack file; by libyaml's emitter, because hundreds are written."""
    return yaml.dump({"config": data}, Dumper=yaml.CSafeDumper)


def write(folder: Path, stack: str, data: dict[str, Any]) -> Path:
    """Write a configuration as a stack file."""
    path = folder / f"Pulumi.{stack}.yaml"
    path.write_text(text_of(data), encoding="utf-8")
    return path
