"""Stacks that earlier versions of the program made, taken over by today's: nothing that holds data, and no cluster, is replaced.

An earlier version is a commit of this repository; where the history is not there, as in a shallow clone, the test says so and skips.
"""

import json
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from operate.api import Api
from tests.cloud.openstack.cloud import Cloud
from tests.engine.platform import Platform
from tests.support.replay import FOLDER
from tests.support.stack_files import ROOT

LANDED = {
    "2026-11-22": "3449c68d04fccaa1d4b9ddb5cf5562fff049b2a1",
    "2026-11-23": "8dc439012fda4ff078b2a559c7d3b868c8d393f1",
    "2026-11-23-review": "a4dfa97d2f0513ee78d211fa1f28bbd725257d8e",
    "2026-11-23-operations": "4a231b283559867f9f6eb10fdc51bec6db6dbda4",
    "2026-11-25": "9c57a971b9ea16c439b7aaf493121f9c33ed218d",
    "2026-11-29": "7a85ee6cd35132c3c4bb8398b9d3290e1270aa05",
    "2026-11-30": "853ff6358eb961f55e7898550a9e30db625a0b4a",
}
"""What people may have deployed: version, as in tests/recorded/, and its commit. Every later landing adds a line."""

ASKED_OVER_HTTP = {"2026-11-22", "2026-11-23", "2026-11-23-review", "2026-11-23-operations"}
"""Versions whose Zeppelin had a liveness probe over HTTP. Server-side apply makes no other kind of it: docs/upgrading.md says what does."""

HOLDS = {"data-sample-share", "notebooks-share", "cluster-cluster", "network-network", "network-subnet"}


@pytest.mark.parametrize("version", LANDED)
def test_an_earlier_stack_is_taken_over(cloud: Cloud, platform: Callable[..., Platform], tmp_path: Path, version: str) -> None:
    commit = LANDED[version]
    if subprocess.run(["git", "cat-file", "-e", commit], cwd=ROOT, capture_output=True, check=False).returncode:
        pytest.skip(f"the history of {commit[:7]} is not here")
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=True).stdout
    (tmp_path / "old.tar").write_bytes(archive)
    with tarfile.open(tmp_path / "old.tar") as tar:
        tar.extractall(tmp_path / "old", filter="data")
    then = json.loads((FOLDER / f"{version}.json").read_text())["dev"]["config"]
    dev = platform("dev", then, source=tmp_path / "old")
    first = dev.up()
    assert not first.error, first.output[-3000:]
    ids = dev.ids()
    dev.source = ROOT
    if version in ASKED_OVER_HTTP:
        assert "may not specify more than 1 handler type" in dev.preview().output
        metadata = {"name": "zeppelin-server", "namespace": "gaia-zeppelin"}
        Api(dev.outputs()["kubeconfig"]).delete({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata})
        assert not dev.refresh().error
    plan = dev.preview()
    assert not plan.error, plan.output[-3000:]
    assert {name: op for name, op in plan.ops.items() if name in HOLDS and op != "update"} == {}
    taken = dev.up()
    assert not taken.error, taken.output[-3000:]
    assert {name: dev.ids()[name] for name in HOLDS} == {name: ids[name] for name in HOLDS}
    assert dev.up().ops == {}
