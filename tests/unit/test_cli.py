"""`gaia`: what it takes, what it completes, its exit codes, and a newcomer's first stack."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cli import main as program
from cli.main import EXIT_CODES, main, parser
from tests.support.stack_files import ROOT, STACKS, document, write
from tests.support.terminal import on_a_terminal

COMMANDS = ("preview", "diff", "doctor", "drift", "resume", "smoke", "switch", "destroy", "restore")


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


def test_a_preview_has_one_line_per_component_and_the_tree_on_request(capsys):
    assert main(["preview", "prod"]) == 0
    shown = capsys.readouterr().out
    lines = {tuple(line.split()[:2]): " ".join(line.split()[2:]) for line in shown.splitlines() if line.startswith("  ")}
    assert lines["notebooks", "CephFSShare"] == "2 protected, kept on delete Share, ShareAccess"
    assert lines["entry", "Entry"].startswith("5 public: LoadBalancer, from anywhere ")
    assert lines["network", "Network"].startswith("10 public: floating IP ")
    assert lines["cluster", "KubernetesCluster"].startswith("5 protected, public: Kubernetes API, from anywhere ")
    assert "zeppelin-server" not in shown
    assert main(["preview", "prod", "--tree"]) == 0
    assert re.search(r"├─ kubernetes:apps:Deployment +zeppelin-server ", capsys.readouterr().out)


def test_a_preview_counts_every_resource_once_and_names_data_that_a_destroy_deletes(capsys):
    assert main(["preview", "dev", "--json"]) == 0
    made = [each for each in json.loads(capsys.readouterr().out)["recording"]["resources"] if each["custom"]]
    assert main(["preview", "dev"]) == 0
    shown = capsys.readouterr().out
    rows = re.findall(r"^  (\S+|\(no component\)) +[A-Za-z]* +(\d+)  ", shown, flags=re.MULTILINE)
    assert sum(int(count) for _, count in rows) == len(made)
    assert shown.startswith(f"Stack dev, offline: {len(made)} resources in {len(rows) - 1} components\n")
    assert re.search(r"^  data-sample +CephFSShare +2  data deleted on destroy  Share, ShareAccess$", shown, flags=re.MULTILINE)


def test_a_preview_has_one_line_for_many_people(tmp_path: Path, capsys):
    data = document("prod")
    data["gaia-dmp:zeppelin"]["people"] = [{"name": f"p{number:02}"} for number in range(40)]
    write(tmp_path, "mine", data)
    assert main(["preview", "mine", "--folder", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    # The administrator and the test user have a space as well. Each is a share and a rule of it.
    assert re.search(r"^  42: user-admin … user-smoke-test +CephFSShare +84  42 protected, 42 kept on delete  ", shown, flags=re.MULTILINE)
    assert re.search(r"^  notebooks +CephFSShare +2  protected, kept on delete  ", shown, flags=re.MULTILINE)
    assert re.search(r"^  42: space-admin … space-smoke-test +UserSpace +42  42 Job$", shown, flags=re.MULTILINE)
    assert "p07" not in shown


def plain(shown: str) -> list[str]:
    """The lines that stay on the terminal, without control sequences."""
    return [re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", line).rsplit("\r", 1)[-1] for line in shown.replace("\r\n", "\n").split("\n")]


@pytest.mark.parametrize(("columns", "variables"), [(72, {}), (120, {"NO_COLOR": "1"})], ids=["colours", "none"])
def test_a_preview_on_a_terminal_fits_it_and_has_colours_unless_nobody_wants_any(columns, variables):
    shown = on_a_terminal(columns, "preview", "local", **variables)
    lines = plain(shown)
    start = next(index for index, line in enumerate(lines) if "Stack local, offline:" in line)
    rows = [
        line for line in lines[start + 1 : next(index for index, line in enumerate(lines) if line.startswith("Capacity"))] if line.strip()
    ]
    assert any(line.split()[:2] == ["zeppelin", "Zeppelin"] for line in rows)
    assert max(map(len, rows)) <= columns
    assert any(line.endswith("…") for line in rows)
    assert "Recording stack local" in shown
    coloured = bool(re.search(r"\x1b\[(?:[0-9]+;)*3[0-7]m", shown))
    assert coloured is not bool(variables)


def test_a_preview_for_machines(tmp_path: Path, capsys):
    write(tmp_path, "mine", document("dev"))
    assert main(["preview", "mine", "--folder", str(tmp_path), "--json"]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert plain["recording"]["stack"] == plain["stack"] == "mine"
    assert [(each["setting"], each["level"]) for each in plain["policy"]] == [("cloud.cluster.api_allowed_cidrs", "advisory")]
    assert plain["manifests"] == []


@pytest.mark.parametrize(
    "words", ["preview", "diff --base HEAD", "doctor", "drift", "resume", "smoke", "switch", "destroy --confirm none", "restore"]
)
def test_a_stack_without_a_file_is_refused_with_one_exit_code(words, capsys):
    """Pulumi is not asked: it may not be there, and knows nothing of files."""
    command, *options = words.split()
    assert main([command, "none", *options]) == 1
    assert "Pulumi.none.yaml" in capsys.readouterr().err


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


@pytest.mark.parametrize("words", [["--tree"], ["--json"], []])
def test_a_reader_that_goes_is_not_an_error(words, monkeypatch, capsys):
    reader, writer = os.pipe()
    os.close(reader)
    # Python writes what is left as it ends; here the end of `with` does, and raises what Python would complain about.
    with os.fdopen(writer, "w") as output:
        monkeypatch.setattr(sys, "stdout", output)
        assert main(["preview", "dev", *words]) == 0
    assert capsys.readouterr().err == ""
