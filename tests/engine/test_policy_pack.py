"""The policy pack under the real engine: the same rules as offline, on what the engine tells of a stack."""

import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.engine.platform import Platform
from tests.support.changes import CASES, copied
from tests.support.stack_files import ROOT, document


def test_the_pack_lets_dev_pass_and_refuses_what_is_weaker(platform: Callable[..., Platform], tmp_path: Path) -> None:
    subprocess.run(["make", "policy"], cwd=ROOT, check=True, capture_output=True)
    dev = platform("dev", document("dev"))
    packs = {"policy_packs": [str(ROOT / "policy")]}
    first = dev.preview(**packs)
    assert not first.error, first.output[-3000:]
    assert "gaia-dmp@v1.0.0" in first.output
    made = dev.up(**packs)
    assert not made.error, made.output[-3000:]
    case = next(case for case in CASES if case.name == "pod-security")
    dev.source = copied(tmp_path / "weaker", case.patch)
    refused = dev.preview(**packs)
    assert refused.error
    assert "spark-namespace: Pod Security enforces baseline" in refused.output
    assert not dev.preview().error
    dev.source = dev.original
    assert not dev.preview(**packs).error
