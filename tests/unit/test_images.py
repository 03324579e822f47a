"""The image and what a stack believes of it: same base, same versions, everything pinned."""

import re

import yaml

from settings.values.images import ImageSettings
from tests.support.stack_files import ROOT

CONTAINERFILE = (ROOT / "images" / "spark" / "Containerfile").read_text()
REQUIREMENTS = (ROOT / "images" / "spark" / "requirements.txt").read_text()


def test_base_and_versions_are_those_of_the_settings():
    images = ImageSettings()
    assert re.findall(r"^FROM (\S+)$", CONTAINERFILE, re.MULTILINE) == [images.spark]
    major, minor = images.versions.python.split(".")
    assert f"sys.version_info[:2] == ({major}, {minor})" in CONTAINERFILE
    assert f"'version \"{images.versions.java}\\.'" in CONTAINERFILE
    assert f"spark-core_{images.versions.scala}-{images.versions.spark}.jar" in CONTAINERFILE


def test_every_library_is_pinned_with_hashes():
    pins = re.findall(r"^([a-z0-9-]+)==", REQUIREMENTS, re.MULTILINE)
    assert {"astropy", "healpy", "matplotlib", "numpy", "pandas", "pyarrow"} <= set(pins)
    blocks = re.split(r"^(?=[a-z0-9-]+==)", REQUIREMENTS, flags=re.MULTILINE)[1:]
    assert [block.split()[0] for block in blocks if "--hash=sha256:" not in block] == []
    assert "--require-hashes" in CONTAINERFILE


def test_every_download_has_a_checksum():
    downloads = re.findall(r"^ADD .*(?:\\\n.*)*", CONTAINERFILE, re.MULTILINE)
    assert len(downloads) == 2
    assert all(re.search(r"--checksum=sha256:[0-9a-f]{64}", each) for each in downloads)


def test_it_runs_as_the_account_of_the_templates():
    assert re.findall(r"^USER (\S+)$", CONTAINERFILE, re.MULTILINE)[-1] == "185"


def test_the_workflow_pins_what_it_uses_and_publishes_no_fork():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "images.yaml").read_text())
    job = workflow["jobs"]["spark"]
    uses = [step["uses"] for step in job["steps"] if "uses" in step]
    assert uses
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", each) for each in uses)
    assert workflow["permissions"] == {}
    publish = next(step for step in job["steps"] if "cosign" in step.get("run", ""))
    assert publish["if"] == "env.PUBLISH == 'true'"
    assert "pull_request" in job["env"]["PUBLISH"]
