"""`gaia`: what it takes, what it completes, its exit codes, and a newcomer's first stack."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli import main as program
from cli.main import EXIT_CODES, main, parser
from tests.support.stack_files import ROOT, STACKS, document, write

COMMANDS = ("preview", "diff", "doctor", "drift", "smoke", "switch", "destroy", "restore")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_and_its_exit_codes(command, capsys):
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])
    assert EXIT_CODES in capsys.readouterr().out


def test_without_a_command_it_says_what_there_is(capsys):
    assert main([]) == 2
    shown = capsys.readouterr().out
    assert [command for command in COMMANDS if f"    {command} " not in shown] == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-command"],
        ["destroy"],
        ["restore", "x", "--stop-timeout", "0"],
        ["restore", "x", "--job-timeout", "nan"],
        ["restore", "x", "--stop-timeout", "inf"],
        ["doctor", "--jso"],
    ],
)
def test_wrong_words_are_refused_before_anything_is_done(arguments, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert "usage: gaia" in capsys.readouterr().err


def test_an_interrupted_command_says_so(monkeypatch, capsys):
    class Interrupted:
        @staticmethod
        def run(_):
            raise KeyboardInterrupt

    monkeypatch.setattr(program.importlib, "import_module", lambda _: Interrupted)
    assert main(["drift", "dev"]) == 130
    assert capsys.readouterr().err == "interrupted\n"


@pytest.mark.parametrize(
    ("line", "completed"),
    [("gaia pr", ["preview"]), ("gaia preview p", ["prod"]), ("gaia destroy dev --co", ["--confirm"]), ("gaia switch ", ["prod"])],
)
def test_a_shell_completes_commands_options_and_stacks(line, completed, tmp_path):
    out = tmp_path / "out"
    ours = {"_ARGCOMPLETE": "1", "_ARGCOMPLETE_IFS": "\n", "_ARGCOMPLETE_STDOUT_FILENAME": str(out), "COMP_LINE": line}
    environment = os.environ | ours | {"COMP_POINT": str(len(line)), "_ARGCOMPLETE_SUPPRESS_SPACE": "1"}
    subprocess.run([sys.executable, "-m", "cli.main"], cwd=ROOT, env=environment, check=True)
    assert {each for each in out.read_text().splitlines() if each.startswith("-") == completed[0].startswith("-")} == {*completed}


@pytest.mark.parametrize("stack", STACKS)
def test_a_copy_under_another_name_previews(stack, tmp_path: Path, capsys):
    """Step 4 of the README. Advice is no error, and names the setting that follows it."""
    write(tmp_path, "mine", document(stack))
    assert main(["preview", "mine", "--folder", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    if stack != "local":
        assert "advice: kubernetes-api-closed" in shown
        assert "setting cloud.cluster.api_allowed_cidrs" in shown


def test_a_preview_for_machines(tmp_path: Path, capsys):
    write(tmp_path, "mine", document("dev"))
    assert main(["preview", "mine", "--folder", str(tmp_path), "--json"]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert plain["recording"]["stack"] == plain["stack"] == "mine"
    assert [(each["setting"], each["level"]) for each in plain["policy"]] == [("cloud.cluster.api_allowed_cidrs", "advisory")]
    assert plain["manifests"] == []


def test_the_folder_is_that_of_the_program():
    assert parser().parse_args(["preview"]).folder == ROOT


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path, capsys):
    file = tmp_path / "file"
    file.touch()
    assert main(["preview", "local", "--out", str(file)]) == 3
    assert capsys.readouterr().err == f"--out {file} cannot be written: File exists\n"


@pytest.mark.parametrize("text", ["a: [", "apiVersion: v1\nkind: Config\n", "just words"])
def test_a_file_that_is_no_kubeconfig_is_said(text, tmp_path: Path, capsys):
    file = tmp_path / "kubeconfig"
    file.write_text(text)
    assert main(["restore", "dev", "--snapshot", "list", "--kubeconfig", str(file)]) == 3
    assert f"{file} is not a kubeconfig" in capsys.readouterr().err


def test_a_plan_that_is_not_there_is_said(tmp_path: Path, capsys):
    assert main(["diff", "local", "--base", "HEAD", "--plan", str(tmp_path / "plan.json")]) == 3
    assert capsys.readouterr().err == f"the plan {tmp_path}/plan.json cannot be read: No such file or directory\n"
