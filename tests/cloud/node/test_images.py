"""Images that no registry has."""

import tarfile
from pathlib import Path

import pytest

from tests.cloud.node import images
from tests.cloud.node.node import Node
from tests.cloud.node.pods import probe, start
from tests.cloud.tools import program

NAME = "registry.example.org/gaia-dmp/elsewhere:1"


def packed(folder: Path, content: str = "") -> Path:
    """content: what tells one image from another, which would be the same by its digest."""
    files = {"probe": program("probe"), "content": content}
    return images.pack(folder / "image.tar", NAME, files, Entrypoint=["/probe"], User="65532:65532")


def test_the_same_files_make_the_same_image(node: Node, tmp_path: Path):
    (tmp_path / "again").mkdir()
    assert packed(tmp_path).read_bytes() == packed(tmp_path / "again").read_bytes()


@pytest.mark.parametrize(("kind", "name"), [("tar", ""), ("folder", ""), ("folder", "registry.example.org/gaia-dmp/renamed:2")])
def test_a_pod_runs_an_image_that_was_loaded(node: Node, trial, tmp_path: Path, kind: str, name: str):
    image = packed(tmp_path, f"{kind} {name}")
    if kind == "folder":
        with tarfile.open(image) as archive:
            archive.extractall(tmp_path / "layout", filter="data")
        image = tmp_path / "layout"
    wanted = name or NAME
    assert node.load(image, name) == [wanted]
    (pod,) = start(trial, probe("loaded", "serve", "", "8080", image=wanted))
    assert pod["status"]["containerStatuses"][0]["image"] == wanted
