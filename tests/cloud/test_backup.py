"""Notebooks that are lost and come back, byte for byte, by a real restic and the stack's own script; tests/openstack does it by S3."""

import shutil
from pathlib import Path

import pytest

from tests.cloud.backup import Backup, contents, some_notebooks
from tests.support.programs import record_data
from tests.support.stack_files import changed


@pytest.fixture
def backup(tmp_path: Path) -> Backup:
    data = changed(
        "dev",
        "zeppelin.backup",
        {"target": {"kind": "share"}, "password_secret": "p", "keep": {"last": 2, "daily": 0, "weekly": 0, "monthly": 0}},
    )
    notebooks = some_notebooks(tmp_path / "notebooks")
    return Backup(record_data(data), notebooks, tmp_path / "backup", str(tmp_path / "repository"), {})


def folder(backup: Backup) -> Path:
    return Path(backup.environment["NOTEBOOKS"])


def test_lost_notebooks_come_back_byte_for_byte(backup):
    notebooks = folder(backup)
    before = contents(notebooks)
    backup("backup")
    for part in ("notebook", "conf"):
        shutil.rmtree(notebooks / part)
    (notebooks / "recovery" / "spark.recovery").write_text("of a later moment")
    backup("restore", "latest")
    after = contents(notebooks)
    assert after.pop("recovery/spark.recovery") == b"of a later moment"
    assert before.pop("recovery/spark.recovery") == b"of this moment"
    assert after == before
    assert sum(key.startswith("notebook/.git/objects/") for key in after) > 9


def test_a_restore_can_be_taken_back(backup):
    notebooks = folder(backup)
    backup("backup")
    note = notebooks / "notebook" / "My note_2ABCDEFGH.zpln"
    note.write_text("an afternoon's work")
    (notebooks / "notebook" / "new.zpln").write_text("made since")
    changed_since = contents(notebooks)
    backup("restore", "latest")
    assert note.read_text() == '{"version": 2}'
    assert not (notebooks / "notebook" / "new.zpln").exists()
    taken = next(line.split()[0] for line in backup("list").splitlines() if "before-restore" in line)
    backup("restore", taken)
    assert contents(notebooks) == changed_since


def test_so_many_stay_as_the_stack_says(backup):
    for version in range(4):
        (folder(backup) / "conf" / "x").write_text(str(version))
        backup("backup")
    assert sum("scheduled" in line for line in backup("list").splitlines()) == 2
    assert backup.environment["KEEP"] == "--keep-last 2"


def test_nobody_reads_it_without_the_password(backup, tmp_path):
    backup("backup")
    stored = b"".join(path.read_bytes() for path in (tmp_path / "repository").rglob("*") if path.is_file())
    assert b"notebook-authorization" not in stored
    assert b"version" not in stored
    (tmp_path / "backup" / "password").write_text("another")
    assert "wrong password" in backup("list", check=False)
    # Nor is a repository that cannot be opened taken for one that is not there.
    assert "already" in backup("backup", check=False)


def test_a_restore_of_what_is_not_there_changes_nothing(backup):
    backup("backup")
    before = contents(folder(backup))
    assert "no matching ID found" in backup("restore", "0123abcd", check=False)
    assert contents(folder(backup)) == before
