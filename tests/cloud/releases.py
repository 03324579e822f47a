"""What the charts of a stack really install: its Releases rendered by Helm, with the values that the program has recorded."""

import json
import subprocess
from pathlib import Path
from typing import Any

import yaml

from recording import Recording
from tests.cloud import tools
from tests.cloud.api import Object
from tests.support.programs import record_data

RELEASE = "kubernetes:helm.sh/v3:Release"


def of(data: dict[str, Any], folder: Path) -> dict[str, list[Object]]:
    """Every object of every Release of a stack, by the Release's name."""
    return rendered(record_data(data, "update", "kube"), folder)


def rendered(recording: Recording, folder: Path) -> dict[str, list[Object]]:
    folder.mkdir(parents=True, exist_ok=True)
    result = {}
    for release in recording.of_type(RELEASE):
        values = folder / f"{release.inputs['name']}.yaml"
        values.write_text(yaml.safe_dump(json.loads(json.dumps(release.inputs["values"]))))
        chart = tools.charts() / release.inputs["chart"]
        assert yaml.safe_load((chart / "Chart.yaml").read_text())["version"] == release.inputs["version"]
        command = [str(tools.program("helm")), "template", release.inputs["name"], str(chart), "-f", str(values), "--kube-version", "1.35"]
        namespace = release.inputs["namespace"]
        answer = subprocess.run([*command, "-n", namespace], capture_output=True, text=True, check=True)
        assert answer.stderr == ""
        result[release.inputs["name"]] = [_placed(item, namespace) for item in yaml.safe_load_all(answer.stdout) if item]
    return result


def _placed(item: Object, namespace: str) -> Object:
    """An object with its namespace, as Helm applies it."""
    item["metadata"].setdefault("namespace", namespace)
    return item


def pods(items: list[Object]) -> dict[str, Object]:
    """The Pod templates of all that runs Pods, by name."""
    return {
        item["metadata"]["name"]: item["spec"]["template"] for item in items if item["kind"] in ("Deployment", "DaemonSet", "StatefulSet")
    }


def config(items: list[Object], name: str, key: str) -> str:
    """One text of a ConfigMap."""
    return next(item["data"][key] for item in items if item["kind"] == "ConfigMap" and item["metadata"]["name"] == name)
