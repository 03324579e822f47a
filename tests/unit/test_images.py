"""Images: the packer gives the same digest for the same content, and the recipes say what a stack believes of them."""

import json
import os
import re
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml

from components.names import SPARK_UID, ZEPPELIN_UID
from images import contents, layout
from images.contents import Wheels
from images.recipes import RECIPES
from settings.values.images import ImageSettings, Versions
from tests.support.stack_files import ROOT, SPARK_3_5

REQUIREMENTS = (ROOT / "images" / "spark" / "requirements.txt").read_text()
(WHEELS,) = [step for step in RECIPES["spark"].steps if isinstance(step, Wheels)]


def tree(root: Path, names: list[str], date: int) -> Path:
    """A folder with files in this order and with this date, an inner folder, and two kinds of link."""
    (root / "inner").mkdir(parents=True)
    for name in names:
        (root / name).write_text(name)
        (root / name).chmod(0o640)
    (root / "symbolic").symlink_to("/nowhere")
    os.link(root / "b", root / "inner" / "hard")
    for path in root.rglob("*"):
        os.utime(path, (date, date), follow_symlinks=False)
    return root


def image(root: Path, target: Path) -> str:
    layer = layout.pack(root, layout.snapshot(root), target.with_suffix(".layer"))
    return layout.write(target, [layer], {"User": "101", "Env": ["A=b"]}, "localhost/tiny:1")


def test_order_and_dates_do_not_change_the_digest(tmp_path):
    one = image(tree(tmp_path / "one", ["a", "b", "inner/c"], 1), tmp_path / "first")
    other = image(tree(tmp_path / "other", ["inner/c", "b", "a"], 1_700_000_000), tmp_path / "second")
    assert one == other == layout.digest(tmp_path / "second")


@pytest.mark.parametrize("change", ["content", "mode", "name"])
def test_everything_else_changes_it(tmp_path, change):
    one, other = tree(tmp_path / "one", ["a", "b"], 1), tree(tmp_path / "other", ["a", "b"], 1)
    match change:
        case "content":
            (other / "a").write_text("A")
        case "mode":
            (other / "a").chmod(0o600)
        case _:
            (other / "a").rename(other / "A")
    assert image(one, tmp_path / "first") != image(other, tmp_path / "second")


def test_a_layer_holds_modes_links_and_one_date(tmp_path):
    image(tree(tmp_path / "root", ["a", "b"], 5), tmp_path / "layout")
    with tarfile.open(tmp_path / "layout.layer") as packed:
        entries = packed.getmembers()
        assert packed.extractfile("inner/hard").read() == b"b"  # pyright: ignore[reportOptionalMemberAccess]
    assert [entry.name for entry in entries] == ["a", "b", "inner", "inner/hard", "symbolic"]
    assert {entry.mtime for entry in entries} == {layout.EPOCH}
    assert {entry.uname for entry in entries} == {""}
    assert [(entry.mode, entry.type) for entry in entries[:1]] == [(0o640, tarfile.REGTYPE)]
    assert entries[3].linkname == "b"
    assert entries[4].linkname == "/nowhere"


def test_digests_and_sizes_are_those_of_the_blobs(tmp_path):
    image(tree(tmp_path / "root", ["a", "b"], 5), tmp_path / "layout")
    blobs = tmp_path / "layout" / "blobs" / "sha256"
    for blob in blobs.iterdir():
        told = subprocess.run(("sha256sum", str(blob)), capture_output=True, text=True, check=True).stdout
        assert told.split()[0] == blob.name
    manifest = json.loads((blobs / layout.digest(tmp_path / "layout").removeprefix("sha256:")).read_text())
    named = [manifest["config"], *manifest["layers"]]
    assert [each["size"] for each in named] == [(blobs / each["digest"].removeprefix("sha256:")).stat().st_size for each in named]
    assert layout.size(tmp_path / "layout") == sum(blob.stat().st_size for blob in blobs.iterdir())
    with (tmp_path / "tar").open("wb") as unzipped:
        subprocess.run(("gzip", "-dc"), stdin=(tmp_path / "layout.layer").open(), stdout=unzipped, check=True)
    told = subprocess.run(("sha256sum", str(tmp_path / "tar")), capture_output=True, text=True, check=True).stdout
    config = json.loads((blobs / manifest["config"]["digest"].removeprefix("sha256:")).read_text())
    assert config["rootfs"]["diff_ids"] == [f"sha256:{told.split()[0]}"]


def test_a_layer_holds_what_came_or_changed(tmp_path):
    root = tree(tmp_path / "root", ["a", "b"], 5)
    before = layout.snapshot(root)
    (root / "a").write_text("x")
    (root / "new").touch()
    assert layout.changed(root, before) == ["a", "new"]
    (root / "a").unlink()
    with pytest.raises(ValueError, match="a step removed a"):
        layout.changed(root, before)


def test_what_is_no_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="pipe is neither file, folder nor link"):
        layout.pack(tmp_path, ["pipe"], tmp_path / "layer")


def test_the_archive_has_the_names_and_the_same_image(tmp_path):
    digest = image(tree(tmp_path / "root", ["a", "b"], 5), tmp_path / "layout")
    names = ["docker.io/library/one:1", "docker.io/library/two:2"]
    layout.archive(tmp_path / "layout", tmp_path / "image.tar", names)
    with tarfile.open(tmp_path / "image.tar") as packed:
        index = json.load(packed.extractfile("index.json"))  # pyright: ignore[reportArgumentType]
        blobs = [entry.name for entry in packed if entry.name.startswith("blobs/")]
    assert [each["digest"] for each in index["manifests"]] == [digest, digest]
    for key in ("io.containerd.image.name", "org.opencontainers.image.ref.name"):
        assert [each["annotations"][key] for each in index["manifests"]] == names
    assert len(blobs) == 3


@pytest.mark.skipif(shutil.which("skopeo") is None, reason="skopeo is not installed (Debian: skopeo)")
def test_skopeo_reads_the_layout(tmp_path):
    digest = image(tree(tmp_path / "root", ["a", "b"], 5), tmp_path / "layout")
    told = subprocess.run(("skopeo", "inspect", f"oci:{tmp_path / 'layout'}"), capture_output=True, check=True).stdout
    inspected = json.loads(told)
    assert (inspected["Digest"], inspected["Created"], inspected["Env"]) == (digest, layout.CREATED, ["A=b"])


def test_a_wheel_brings_its_modules_and_no_script(tmp_path):
    with zipfile.ZipFile(tmp_path / "w.whl", "w") as wheel:
        for name in ("pack/__init__.py", "w-1.data/purelib/more.py", "w-1.data/scripts/run", "w-1.dist-info/METADATA"):
            wheel.writestr(name, name)
    contents._unpack_wheel(tmp_path / "w.whl", tmp_path / "site")
    found = {path.relative_to(tmp_path / "site").as_posix() for path in (tmp_path / "site").rglob("*") if path.is_file()}
    assert found == {"pack/__init__.py", "more.py", "w-1.dist-info/METADATA"}


@pytest.mark.parametrize(("name", "of"), [("spark", {}), ("spark-3.5", SPARK_3_5["versions"])])
def test_spark_is_that_of_the_settings_and_goes_with_zeppelin(name, of):
    versions = Versions(**of, python=WHEELS.python)
    recipe = RECIPES[name]
    assert repr(recipe.steps[0]).startswith(f"Spark(version='{versions.spark}'")
    assert f"openjdk-{versions.java}-jre-headless" in recipe.packages
    ours = ImageSettings(spark=f"ghcr.io/owner/gaia-dmp-spark:{versions.spark}-20260101", versions=versions)
    assert list(ours.problems()) == []


def mlflow(image: str) -> str:
    """The release of MLflow in an image: of the server, or of the client."""
    pins = (ROOT / "images" / image / "requirements.txt").read_text()
    (version,) = re.findall(r"^mlflow-skinny==([\d.]+) ", pins, re.MULTILINE)
    return version


def test_notebooks_have_a_client_of_the_servers_release():
    assert mlflow("spark") == mlflow("mlflow")
    (server,) = [step for step in RECIPES["mlflow"].steps if isinstance(step, Wheels)]
    assert server.python == WHEELS.python
    assert mlflow("mlflow") in (ROOT / "components" / "models" / "files" / "rights.ini").read_text()


def test_every_library_is_pinned_with_hashes_for_the_images_python():
    pins = re.findall(r"^([a-z0-9-]+)==", REQUIREMENTS, re.MULTILINE)
    assert {"astropy", "healpy", "matplotlib", "numpy", "pandas", "pip", "pyarrow"} <= set(pins)
    blocks = re.split(r"^(?=[a-z0-9-]+==)", REQUIREMENTS, flags=re.MULTILINE)[1:]
    assert [block.split()[0] for block in blocks if "--hash=sha256:" not in block] == []
    (lock,) = re.findall(r"cd images/spark && .*", (ROOT / "Makefile").read_text())
    assert f"--python-version {WHEELS.python} " in lock


@pytest.mark.parametrize("name", RECIPES)
def test_nobody_runs_as_root(name):
    assert int(RECIPES[name].oci_config()["User"]) > 0


def test_users_are_those_of_the_templates():
    assert {name: RECIPES[name].user for name in ("spark", "gateway", "mlflow")} == {
        "spark": SPARK_UID,
        "gateway": 101,
        "mlflow": ZEPPELIN_UID,
    }


def test_the_workflow_publishes_the_layouts_and_no_fork():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "images.yaml").read_text())
    (job,) = workflow["jobs"].values()
    versions = {each["recipe"]: (each["image"], each["version"]) for each in job["strategy"]["matrix"]["include"]}
    assert versions == {
        "spark": ("spark", ImageSettings().versions.spark),
        "spark-3.5": ("spark", SPARK_3_5["versions"]["spark"]),
        "yarn": ("yarn", SPARK_3_5["versions"]["spark"]),
        "gateway": ("gateway", "1.26"),
        "mlflow": ("mlflow", mlflow("mlflow")),
    }
    assert workflow["permissions"] == {}
    publish = next(step for step in job["steps"] if "cosign" in step.get("run", ""))
    assert publish["if"] == "env.PUBLISH == 'true'"
    assert "pull_request" in job["env"]["PUBLISH"]
    assert "skopeo copy --preserve-digests" in publish["run"]
    assert "oci:out/images/$NAME" in publish["run"]
