"""Event logs are brought together without anybody reaching another's, and trimmed without losing what is still written."""

import importlib.util
import os
import time
from pathlib import Path

import pytest

from components.files import COMPONENTS

spec = importlib.util.spec_from_file_location("gather_event_logs", COMPONENTS / "spark/files/gather_event_logs.py")
assert spec
assert spec.loader
gather = importlib.util.module_from_spec(spec)
spec.loader.exec_module(gather)
DAY = 86400


def ago(days: float) -> tuple[float, float]:
    """Times of a file that was last written so many days ago."""
    then = time.time() - days * DAY
    return then, then


class Folders:
    def __init__(self, root: Path) -> None:
        self.logs, self.gathered = root / "logs", root / "gathered"
        self.logs.mkdir()
        self.gathered.mkdir()
        self.config = {
            "logs": str(self.logs),
            "gathered": str(self.gathered),
            "people": {"alice": "alice", "bob": "bob", "carol-x-org": "carolxorg"},
            "settings": ["spark", "spark-large"],
            "keep_days": 90,
            "bytes": 10_000,
        }

    def log(self, person: str, name: str, size: int = 100, days: float = 1) -> Path:
        folder = self.logs / person / f"eventlog_v2_{name}"
        folder.mkdir(parents=True)
        (folder / "events_1").write_bytes(b"x" * size)
        for path in (folder / "events_1", folder):
            os.utime(path, ago(days))
        return folder

    def seen(self) -> list[str]:
        gather.round_(self.config)
        return sorted(path.name.removeprefix("eventlog_v2_") for path in self.gathered.iterdir())


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path)


def test_logs_of_all_people_are_seen_in_one_folder(folders):
    folders.log("alice", "spark-alice-2abcdefgh-qwerty")
    folders.log("bob", "spark-large-bob-2abcdefgh-asdfgh")
    # Whose login is no name for an object has a folder of the one form and Pods of the other.
    folders.log("carol-x-org", "spark-carolxorg-2abcdefgh-zxcvbn")
    folders.log("guest.dave", "spark-dave-2abcdefgh-zxcvbn")
    assert folders.seen() == ["spark-alice-2abcdefgh-qwerty", "spark-carolxorg-2abcdefgh-zxcvbn", "spark-large-bob-2abcdefgh-asdfgh"]
    assert (folders.gathered / "eventlog_v2_spark-alice-2abcdefgh-qwerty" / "events_1").read_bytes() == b"x" * 100


def test_nobody_puts_a_log_under_anothers_name(folders, tmp_path):
    stolen = folders.log("bob", "spark-bob-2abcdefgh-qwerty")
    folders.log("alice", "spark-bob-2abcdefgh-zzzzzz")
    folders.log("alice", "other")
    (folders.logs / "alice" / "eventlog_v2_spark-alice-2abcdefgh-linked").symlink_to(stolen)
    (folders.logs / "alice" / "eventlog_v2_spark-alice-2abcdefgh-afilee").write_text("x")
    assert folders.seen() == ["spark-bob-2abcdefgh-qwerty"]


def test_what_is_too_old_goes_and_a_link_inside_it_leads_nothing_else_away(folders, tmp_path):
    keep = tmp_path / "precious"
    keep.mkdir()
    (keep / "file").write_text("x")
    old = folders.log("alice", "spark-alice-2abcdefgh-qwerty", days=91)
    (old / "link").symlink_to(keep)
    for path in (old / "events_1", old):
        os.utime(path, ago(91))
    os.utime(old / "link", ago(91), follow_symlinks=False)
    folders.log("alice", "spark-alice-2abcdefgh-newone", days=89)
    assert folders.seen() == ["spark-alice-2abcdefgh-newone"]
    assert not old.exists()
    assert (keep / "file").read_text() == "x"


def test_the_oldest_make_room_and_what_is_written_now_stays(folders):
    folders.log("alice", "spark-alice-2abcdefgh-oldest", 4000, days=3)
    folders.log("bob", "spark-bob-2abcdefgh-middle", 4000, days=2)
    folders.log("bob", "spark-bob-2abcdefgh-newest", 4000, days=0)
    assert folders.seen() == ["spark-bob-2abcdefgh-middle", "spark-bob-2abcdefgh-newest"]
    folders.config["bytes"] = 1000
    assert folders.seen() == ["spark-bob-2abcdefgh-newest"]


def test_everybody_has_a_folder_that_their_group_writes(folders):
    assert folders.seen() == []
    assert {path.name: oct(path.stat().st_mode & 0o7777) for path in folders.logs.iterdir()} == dict.fromkeys(
        ("alice", "bob", "carol-x-org"), "0o2770"
    )


def test_an_empty_folder_of_somebody_else_is_made_anew(folders, monkeypatch):
    """As a kubelet makes it for a Pod that comes first: root's, so that nobody could write there. What has a log in it stays."""
    (folders.logs / "alice").mkdir(0o755)
    folders.log("bob", "spark-bob-2abcdefgh-newest", 10)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert folders.seen() == ["spark-bob-2abcdefgh-newest"]
    assert oct((folders.logs / "alice").stat().st_mode & 0o7777) == "0o2770"
