"""The way on after an engine that died or lost an answer, as docs/runbooks/state-locked.md describes it."""

from typing import Any

import pytest

from cli.main import main
from tests.engine.platform import Platform
from tests.support.eventually import eventually


def resumed(dev: Platform, project: Any, capsys: pytest.CaptureFixture[str]) -> tuple[str, list[str]]:
    """Run `gaia resume`, with --unmarked where it asks for that, and refresh a cluster that was taken over once Magnum has made it.

    project: a connection to the stack's project. Returns what was printed, and the commands in their order.
    """
    words = ["resume", dev.name, "--folder", str(dev.folder)]
    told, mended = "", [f"gaia resume {dev.name}"]
    if main(words):
        # Killed, or answered wrongly, between the creation and its tags.
        told = capsys.readouterr().err
        assert "--unmarked" in told, told
        assert main([*words, "--unmarked"]) == 0, capsys.readouterr().err
        mended.append(f"gaia resume {dev.name} --unmarked")
    done = capsys.readouterr().out
    if "taken over: cluster-cluster" in done:
        magnum = project.container_infrastructure_management
        eventually(lambda: magnum.get("/clusters").json()["clusters"][0]["status"] == "CREATE_COMPLETE")
        assert not dev.refresh().error
        mended.append("pulumi refresh")
    return told + done, mended
