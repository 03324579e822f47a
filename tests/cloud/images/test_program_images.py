"""The images of Go programs: each starts as its user with a read-only file system."""

import json
from collections.abc import Callable

import pytest

from components.files import text
from images import build
from tests.cloud.images.container import Container

VERSION = {
    "restic": (("/usr/bin/restic", "version"), "restic 0."),
    "prometheus": (("/bin/prometheus", "--version"), "prometheus, version"),
    "alertmanager": (("/bin/alertmanager", "--version"), "alertmanager, version"),
    "kube-state-metrics": (("/kube-state-metrics", "version"), "kube-state-metrics"),
    "node-exporter": (("/bin/node_exporter", "--version"), "node_exporter, version"),
    "json-exporter": (("/bin/json_exporter", "--version"), "json_exporter, version"),
}


@pytest.mark.parametrize("name", VERSION)
def test_it_starts(container: Callable[[str], Container], name):
    command, wanted = VERSION[name]
    done = container(name).run(*command)
    assert done.returncode == 0, done.stdout
    assert wanted in done.stdout


def test_the_backup_script_backs_up_and_restores(container: Callable[[str], Container], tmp_path):
    """The whole script in restic's image, as the notebooks' owner."""
    (tmp_path / "script.sh").write_text(text("zeppelin/files/backup_notebooks.sh"))
    (container("restic").root / "script.sh").touch()
    script = (
        "mkdir /tmp/notes; echo first > /tmp/notes/a.zpln; sh /script.sh backup > /dev/null\n"
        "echo second > /tmp/notes/a.zpln; sh /script.sh restore latest > /dev/null; cat /tmp/notes/a.zpln"
    )
    environment = {"RESTIC_REPOSITORY": "/tmp/repository", "RESTIC_PASSWORD": "pw", "NOTEBOOKS": "/tmp/notes", "HOME": "/tmp"}
    tmp_path.chmod(0o755)
    done = container("restic").run("sh", "-ec", script, mounts={tmp_path / "script.sh": "/script.sh"}, KEEP="--keep-last 3", **environment)
    assert done.stdout.splitlines()[-1] == "first", done.stdout


def test_all_share_debians_layer():
    manifests = []
    for name in VERSION:
        built = build.image(name)
        manifests.append(json.loads((built.layout / "blobs" / built.digest.replace(":", "/")).read_text()))
    assert len({manifest["layers"][0]["digest"] for manifest in manifests}) == 1
    assert len({manifest["layers"][1]["digest"] for manifest in manifests}) == len(VERSION)


def test_the_list_of_contents_names_go_modules():
    found = json.loads(build.image("restic").contents.read_text())["components"]
    assert {"golang", "deb"} <= {each["purl"].split("/")[0].removeprefix("pkg:") for each in found}
    assert next(each["name"] for each in found if each["name"] == "github.com/restic/restic")
