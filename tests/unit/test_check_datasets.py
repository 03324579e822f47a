"""The check of datasets, run as Pods run it: on whole and damaged folders (missing, added, changed, unreadable) and on a hung mount."""

import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.files import COMPONENTS
from components.spark.dataset_check import check_config
from components.spark.notebook_pods import Mount
from settings.values.dataset import Expectation
from tests.support.notebooks import DATASET
from tests.support.servers import free_ports

SCRIPT = str(COMPONENTS / "spark/files/check_datasets.py")
# Root reads everything, unless it gives that up.
COMMAND = [*(["setpriv", "--inh-caps=-all", "--bounding-set=-all"] if os.getuid() == 0 else []), sys.executable, "-B", SCRIPT]


def run(*arguments: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """The script in a process of its own."""
    command = [*COMMAND, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | (environment or {}), timeout=60)


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    """A dataset of 5 files in folders."""
    root = tmp_path / "gdr3"
    for index in range(4):
        part = root / "GAIASOURCE" / f"part-{index:05}.parquet"
        part.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(b"x" * (index + 1))
    (root / "_SUCCESS").touch()
    return root


def expectation(root: Path) -> dict[str, Any]:
    files, digest = run("digest", str(root)).stdout.split()
    return {"files": int(files), "digest": digest}


def config(root: Path, folder: Path, seconds: float = 20, **expected: Any) -> str:
    """The file that the platform would write, for one dataset."""
    # As it stands, and not validated: no stack file may mount anything below /tmp.
    dataset = DATASET.model_copy(update={"mount_path": str(root), "expect": Expectation(**expected) if expected else None})
    text = json.loads(check_config([Mount(dataset=dataset, claim="data-gdr3")]))
    file = folder / "datasets.json"
    file.write_text(json.dumps(text | {"seconds": seconds, "every": 0.2, "listing": 0.5}))
    return str(file)


def test_a_digest_knows_names_and_sizes_and_not_where_the_folder_is(catalogue, tmp_path):
    first = run("digest", str(catalogue)).stdout
    assert first.split()[0] == "5"
    catalogue.rename(tmp_path / "elsewhere")
    assert run("digest", str(tmp_path / "elsewhere")).stdout == first
    (tmp_path / "elsewhere" / "_SUCCESS").write_text("x")
    assert run("digest", str(tmp_path / "elsewhere")).stdout != first


def test_a_whole_dataset_passes(catalogue, tmp_path):
    done = run("once", config(catalogue, tmp_path, **expectation(catalogue)))
    assert (done.returncode, done.stdout) == (0, "gdr3: 5 files\n")


def lose_one(root: Path) -> None:
    (root / "GAIASOURCE" / "part-00002.parquet").unlink()


def add_one(root: Path) -> None:
    (root / "stray.parquet").touch()


def swap_one(root: Path) -> None:
    (root / "GAIASOURCE" / "part-00002.parquet").rename(root / "GAIASOURCE" / "part-00002.parquet.bad")


def cut_one(root: Path) -> None:
    (root / "GAIASOURCE" / "part-00003.parquet").write_bytes(b"x")


def close_one(root: Path) -> None:
    (root / "GAIASOURCE").chmod(0)


def lose_all(root: Path) -> None:
    root.rename(root.with_name("gone"))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lose_one, "has 4 files, expected 5"),
        (add_one, "has 6 files, expected 5"),
        (swap_one, "has 5 files as expected, but with other names or sizes"),
        (cut_one, "has 5 files as expected, but with other names or sizes"),
        (close_one, "Permission denied"),
        (lose_all, "No such file or directory"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_damaged_dataset_is_named_with_what_is_wrong(catalogue, tmp_path, damage, words):
    expected = expectation(catalogue)
    log = tmp_path / "termination-log"
    log.touch()
    damage(catalogue)
    done = run("once", config(catalogue, tmp_path, **expected), environment={"TERMINATION_LOG": str(log)})
    if damage is close_one:
        (catalogue / "GAIASOURCE").chmod(0o755)
    assert done.returncode == 1
    assert words in done.stdout
    assert f"gdr3 ({catalogue}): " in log.read_text()
    assert words in log.read_text()


def test_without_an_expectation_it_must_only_answer(catalogue, tmp_path):
    lose_one(catalogue)
    assert run("once", config(catalogue, tmp_path)).stdout == "gdr3: 4 files\n"


@pytest.fixture
def hung(tmp_path: Path) -> Path:
    """A Python that hangs at every look, as a process does in a lost mount."""
    fake = tmp_path / "python"
    look = f'*" look "*) echo "$2 $3" >> {tmp_path}/hung.log; exec sleep 20'
    fake.write_text(f'#!/bin/sh\ncase "$*" in {look};; esac\nexec {sys.executable} "$@"\n')
    fake.chmod(0o755)
    return fake


def hanging(fake: Path, *arguments: str) -> list[str]:
    """The command by which the script itself runs, with processes that hang and, as in a lost mount, cannot be killed."""
    program = f"import runpy, subprocess, sys; subprocess.Popen.kill = lambda _: None; sys.executable = {str(fake)!r}; "
    program += f"sys.argv = {[SCRIPT, *arguments]!r} + sys.argv[1:]; "
    program += f"runpy.run_path({SCRIPT!r}, run_name='__main__')"
    return [sys.executable, "-c", program]


def test_a_notebook_is_told_of_a_lost_mount_and_of_nothing_else(catalogue, tmp_path, hung):
    assert run("tell", config(catalogue, tmp_path)).stdout == ""
    begin = time.monotonic()
    told = subprocess.run(hanging(hung, "tell", config(catalogue, tmp_path, seconds=1)), capture_output=True, text=True, check=False)
    assert time.monotonic() - begin < 20
    assert f"WARNING: dataset gdr3 at {catalogue}: does not answer within 1 s" in told.stdout
    assert told.returncode == 0


@contextlib.contextmanager
def serving(command: list[str]) -> Iterator[str]:
    """The script serving, and the address of its metrics."""
    (port,) = free_ports(1)
    process = subprocess.Popen(
        [*command, str(port)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"NODE_NAME": "spark-0", "PYTHONPATH": str(COMPONENTS / "observability/files")},
    )
    try:
        yield f"http://127.0.0.1:{port}/metrics"
    finally:
        process.kill()
        process.wait()


def value(url: str, metric: str, wanted: str, seconds: float = 60) -> str:
    """The line of a metric, once it has the value that is wanted; the last one after so many seconds."""
    end, line = time.monotonic() + seconds, ""
    while time.monotonic() < end:
        with contextlib.suppress(OSError), urllib.request.urlopen(url) as answer:
            lines = [found for found in answer.read().decode().splitlines() if found.startswith(metric + "{")]
            line = lines[0] if lines else line
            if line.endswith(f" {wanted}"):
                return line
        time.sleep(0.05)
    return line


def test_metrics_follow_the_dataset(catalogue, tmp_path):
    file = config(catalogue, tmp_path, **expectation(catalogue))
    with serving([*COMMAND, "serve", file]) as url:
        labels = '{dataset="gdr3",node="spark-0"}'
        assert value(url, "gaia_dmp_dataset_up", "1") == f"gaia_dmp_dataset_up{labels} 1"
        assert value(url, "gaia_dmp_dataset_whole", "1") == f"gaia_dmp_dataset_whole{labels} 1"
        assert value(url, "gaia_dmp_dataset_expected_files", "5") == f"gaia_dmp_dataset_expected_files{labels} 5"
        lose_one(catalogue)
        assert value(url, "gaia_dmp_dataset_whole", "0") == f"gaia_dmp_dataset_whole{labels} 0"
        assert value(url, "gaia_dmp_dataset_files", "4") == f"gaia_dmp_dataset_files{labels} 4"
        lose_all(catalogue)
        assert value(url, "gaia_dmp_dataset_up", "0") == f"gaia_dmp_dataset_up{labels} 0"


def test_a_hung_mount_is_down_and_gets_no_second_process(catalogue, tmp_path, hung):
    file = config(catalogue, tmp_path, seconds=0.3)
    with serving(hanging(hung, "serve", file)) as url:
        assert value(url, "gaia_dmp_dataset_up", "0").endswith(" 0")
        time.sleep(2)
        assert hung.with_name("hung.log").read_text().splitlines() == [f"look {catalogue}"]
