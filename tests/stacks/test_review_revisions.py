"""Two revisions of a repository, each in its own tree: what `make diff` does, in a repository of the test's own."""

import functools
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from cli.main import main
from recording import Recording
from review import revisions, run
from review.revisions import KeptPreview, Refused, RevisionError, TreePreview, commit, interpreter, keep, read, tree
from review.run import compared, write
from review.terminal import print_reports
from tests.support.changes import copied
from tests.support.programs import record_for_review
from tests.support.stack_files import ROOT, changed, document
from tests.support.stack_files import write as write_stack


def git(root: Path, *words: str) -> None:
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, "-C", str(root), *words], check=True, capture_output=True)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one commit: the project, and dev. Nothing is in the cache."""
    monkeypatch.setattr(revisions, "CACHE", tmp_path / "cache")
    folder = copied(tmp_path / "project", {})
    write_stack(folder, "dev", document("dev"))
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "first")
    return folder


class Previewed:
    """A preview of one stack by this process: of the tree, it takes the stack file alone."""

    def __init__(self, folder: Path, stack: str, _: Path) -> None:
        self.stack, self.file = stack, folder / f"Pulumi.{stack}.yaml"
        self.there = self.file.exists()

    def result(self) -> Recording | None:
        return record_for_review(yaml.safe_load(self.file.read_text())["config"], self.stack) if self.there else None

    def close(self) -> None:
        pass


@pytest.fixture
def same_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests whose trees differ in stack files alone. A process for each preview takes three times as long."""
    monkeypatch.setattr(run, "TreePreview", Previewed)


def test_a_stack_that_changes_one_that_comes_and_one_that_goes(root, tmp_path):
    """Each preview is a process of its own here."""
    write_stack(root, "gone", document("local"))
    git(root, "add", "-A")
    git(root, "commit", "-qm", "second")
    (root / "Pulumi.gone.yaml").unlink()
    write_stack(root, "new", document("local"))
    write_stack(root, "dev", changed("dev", "datasets.0.source.size_gib", 12))
    dev, new, gone = compared(["dev", "new", "gone"], "main", root=root)
    assert (dev.counts, dev.worst()) == ({"update": 1}, "capacity and cost")
    assert set(new.counts) == {"create"}
    assert set(gone.counts) == {"delete"}
    write([dev, new, gone], tmp_path / "out")
    plain = json.loads((tmp_path / "out" / "report.json").read_text())
    assert [each["stack"] for each in plain] == ["dev", "new", "gone"]
    assert plain[0]["changes"][0]["fields"] == [
        {"path": "size", "before": 10, "after": 12, "forces": False, "ignored": False, "cause": "", "doubtful": False}
    ]
    assert read((tmp_path / "out" / "dev.head.recording.json").read_bytes(), "dev").stack == "dev"
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {
        "report.md",
        "report.html",
        "new.head.recording.json",
        "gone.base.recording.json",
    }
    assert not (tmp_path / "out" / "new.base.recording.json").exists()


def test_a_stack_file_that_is_refused_is_told_with_its_own_words(root):
    data = document("dev")
    data["gaia-dmp:cloud"]["kind"] = "mainframe"
    write_stack(root, "new", data)
    (report,) = compared(["new"], "main", root=root)
    assert "mainframe" in report.refused["head"]
    assert report.worst() == "The program of the change refuses its stack file"


def test_a_plan_of_the_engine_takes_the_place_of_the_diff(root, tmp_path, same_program):
    plan = json.loads((ROOT / "tests" / "recorded" / "plans" / "dataset-kept.json").read_text())
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(plan))
    (report,) = compared(["dev"], "main", file, root=root)
    assert (report.source, report.counts["forget"]) == ("engine", 1)
    # The working tree is the base here, so the diff says nothing.
    assert "data-kept-share: offline nothing, engine forget" in report.differs
    assert report.capacity["before"] == report.capacity["after"] != {}
    plan["diagnostics"] = [{"severity": "error", "message": "error: a hook refuses\n"}]
    file.write_text(json.dumps(plan))
    (report,) = compared(["dev"], "main", file, root=root)
    assert (report.worst(), report.refused) == ("The engine stops and changes nothing", {"engine": "error: a hook refuses"})


def test_the_base_is_what_was_committed(root):
    write_stack(root, "dev", changed("dev", "datasets.0.source.size_gib", 12))
    with tree("main", root) as folder:
        assert "size_gib: 10" in (folder / "Pulumi.dev.yaml").read_text()
    assert not folder.exists()


@pytest.mark.parametrize("reference", ["nothing", "--upload-pack=touch /tmp/x", "main:Pulumi.yaml", ""])
def test_a_reference_is_a_commit(root, reference):
    with pytest.raises(RevisionError, match="accepted: a branch, tag or commit"):
        commit(reference, root)


def test_a_commit_is_recorded_once(root, tmp_path, monkeypatch, same_program):
    write_stack(root, "dev", changed("dev", "datasets.0.source.size_gib", 12))
    (first,) = compared(["dev"], "main", root=root)

    def refused(*_):
        raise AssertionError("the base is recorded again")

    with monkeypatch.context() as patched:
        patched.setattr(run, "tree", refused)
        (second,) = compared(["dev"], "main", root=root)
    assert (second.before, second.counts) == (first.before, {"update": 1})
    (kept,) = (tmp_path / "cache" / "recordings").iterdir()
    kept.write_text("{")
    (third,) = compared(["dev"], "main", root=root)
    assert (third.before, third.counts) == (first.before, {"update": 1})
    git(root, "commit", "-qam", "second")
    assert compared(["dev"], "main", root=root)[0].counts == {}


def test_only_the_newest_recordings_are_kept(root, tmp_path, monkeypatch):
    monkeypatch.setattr(revisions, "KEPT", 2)
    recording = Recording("gaia-dmp", "dev", "preview")
    for revision in ("a", "b", "c"):
        keep(revision, recording)
    assert [KeptPreview(revision, "dev").there for revision in ("a", "b", "c")] == [False, True, True]
    assert len(list((tmp_path / "cache" / "recordings").iterdir())) == 2
    (tmp_path / "file").touch()
    monkeypatch.setattr(revisions, "CACHE", tmp_path / "file")
    keep("d", recording)
    assert KeptPreview("d", "dev").result() is None


def test_a_recording_is_of_one_python(root, monkeypatch):
    """Another Python may register other values, such as an order of a set or the text of an error."""
    keep("a", Recording("gaia-dmp", "dev", "preview"))
    assert KeptPreview("a", "dev").there
    monkeypatch.setattr(revisions.platform, "python_version", lambda: "3.99.0")
    assert not KeptPreview("a", "dev").there


def test_a_stack_that_is_nowhere_is_refused(root):
    with pytest.raises(RevisionError, match=r"neither main nor the working tree has Pulumi\.x\.yaml"):
        compared(["x"], "main", root=root)


def test_a_stack_file_is_no_link(root, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("password: swordfish")
    (root / "Pulumi.dev.yaml").unlink()
    (root / "Pulumi.dev.yaml").symlink_to(secret)
    with pytest.raises(RevisionError, match="is a symbolic link"):
        TreePreview(root, "dev", Path(sys.executable))


def test_a_link_that_leads_out_of_a_commit_is_refused(root, tmp_path):
    (root / "components" / "outside").symlink_to(tmp_path)
    git(root, "add", "-A")
    git(root, "commit", "-qm", "a link")
    with pytest.raises(RevisionError, match="absolute path"), tree("main", root):
        pass


def test_a_program_that_fails_is_told_with_its_own_words(root):
    (root / "__main__.py").write_text("raise RuntimeError('no such thing')")
    with pytest.raises(Refused, match="no such thing"):
        TreePreview(root, "dev", Path(sys.executable)).result()


def test_a_program_sees_no_credential_of_this_shell(root, monkeypatch):
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "swordfish")
    monkeypatch.setenv("OS_PASSWORD", "swordfish")
    (root / "__main__.py").write_text("import os\nraise RuntimeError([key for key in os.environ if os.environ[key] == 'swordfish'])")
    with pytest.raises(Refused, match=r"\[\]"):
        TreePreview(root, "dev", Path(sys.executable)).result()


def test_an_environment_is_made_where_the_packages_differ(root, tmp_path):
    assert interpreter(root, root) == Path(sys.executable)
    other = tmp_path / "other"
    other.mkdir()
    # Nothing to install: it is the place that counts.
    (other / "requirements.txt").write_text("# nothing\n")
    python = interpreter(other, root)
    assert python.is_file()
    assert python.is_relative_to(tmp_path / "cache")
    made = python.stat().st_mtime_ns
    assert interpreter(other, root) == python
    assert python.stat().st_mtime_ns == made


@pytest.mark.parametrize("lent", [True, False])
def test_a_requirement_that_nobody_has_is_told(root, tmp_path, monkeypatch, lent):
    """lent: whether the Python that runs has a pip; one of `uv venv` has none."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name if lent else None)
    other = tmp_path / "other"
    other.mkdir()
    (other / "requirements.txt").write_text("./no-such-package\n")
    with pytest.raises(RevisionError, match=r"cannot be installed: .*no-such-package"):
        interpreter(other, root)


def test_the_command(capsys):
    assert main(["diff", "dev", "--base", "no-such-branch"]) == 3
    assert "there is no such commit" in capsys.readouterr().err
    assert main(["diff", "dev", "prod", "--plan", "plan.json"]) == 2
    assert "--plan needs exactly one stack" in capsys.readouterr().err


def test_the_diff_of_two_stacks_begins_with_a_line_each_and_shows_only_the_one_that_changes(root, capsys, monkeypatch, same_program):
    write_stack(root, "other", document("local"))
    git(root, "add", "-A")
    git(root, "commit", "-qm", "second")
    write_stack(root, "dev", changed("dev", "datasets.0.source.size_gib", 12))
    monkeypatch.setattr("cli.diff.compared", functools.partial(compared, root=root))
    assert main(["diff", "dev", "other", "--base", "main"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[2].split() == ["dev", "0", "create", "1", "update", "0", "replace", "0", "delete", "capacity", "and", "cost"]
    assert shown[3].split() == ["other", "0", "create", "0", "update", "0", "replace", "0", "delete", "nothing", "changes"]
    assert [line for line in shown if line.startswith("Stack ")] == ["Stack dev"]
    assert "  data-sample CephFSShare  ~1  data-sample-share (in place)" in shown
    assert not any("size: 10 -> 12" in line for line in shown)
    assert main(["diff", "dev", "other", "--base", "main", "--tree"]) == 0
    assert "       size: 10 -> 12" in capsys.readouterr().out.splitlines()


def test_a_line_per_component_is_cut_to_the_width_and_counts_the_rest(root, same_program):
    write_stack(root, "new", document("dev"))
    reports = compared(["new"], "main", root=root)
    text = io.StringIO()
    print_reports(reports, Console(file=text, width=80, highlight=False), tree=False)
    lines = text.getvalue().splitlines()
    rows = lines[lines.index("Components") + 1 :]
    rows = rows[: rows.index("")]
    assert max(map(len, rows)) <= 80
    zeppelin = next(line for line in rows if line.startswith("  zeppelin "))
    found = re.fullmatch(r"  zeppelin +\+(\d+)  (.*), (\d+) more", zeppelin)
    assert found
    assert int(found[1]) == found[2].count("(create)") + int(found[3])
