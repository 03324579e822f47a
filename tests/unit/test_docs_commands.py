"""Commands that pages show are commands that there are: make's targets and variables, `gaia` with its options, files of pytest."""

import re
import shlex

import pytest

from cli.main import parser
from tests.support.stack_files import ROOT
from tests.unit.test_docs import PAGES

MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE)) | set(re.findall(r"^([.\w/-]+): ", MAKEFILE, re.MULTILINE))
VARIABLES = {*re.findall(r"^([A-Z]+) \?=", MAKEFILE, re.MULTILINE), *re.findall(r"\$\(or \$\(([A-Z]+)\)", MAKEFILE)}
CODE = re.compile(r"```(?:sh|console|)\n(.*?)```|(?<!`)`([^`\n]+)`(?!`)", re.DOTALL)
GAIA = re.compile(r"^(?:\$ )?(?:\.venv/bin/)?gaia ([a-z-].*)$")
MAKE = re.compile(r"^(?:\$ )?(?:\w+=\S+ )*(?:sudo )?make ((?:-\w+ )*[a-z-]+(?: .*)?)$")
PYTEST = re.compile(r"pytest ((?:tests/\S+ ?)+)")


def commands(text: str) -> list[str]:
    """Every line of code of a page, without comments, and what stands in backquotes. A placeholder in angle brackets becomes a name."""
    lines = []
    for block, span in CODE.findall(text):
        joined = (block or span).replace("\\\n", " ")
        lines += [re.split(r"\s+#\s|\s\|\s|;", line)[0].strip() for line in joined.splitlines()]
    return [re.sub(r"<[^>]*>", "dev", line) for line in lines if line]


def wrong(command: str) -> str:
    """What is wrong with a command, or ""."""
    if made := MAKE.match(command):
        target, *rest = shlex.split(made[1])
        unknown = [each for each in rest if "=" not in each or each.split("=")[0] not in VARIABLES]
        return "" if target in TARGETS and not unknown else f"{command}: {target} {unknown}"
    if called := GAIA.match(command):
        words = shlex.split(called[1].replace("[--json]", "--json"))
        if "COMMAND" in words:
            return ""
        try:
            parser().parse_args(words)
        except SystemExit as stopped:
            return "" if stopped.code == 0 else command
    for files in PYTEST.findall(command):
        missing = [file for file in files.split() if not (ROOT / file.split("::")[0]).exists()]
        if missing:
            return f"{command}: {missing}"
    return ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_are_those_that_there_are(page, capsys):
    assert [found for command in commands(page.read_text()) if (found := wrong(command))] == []


def test_a_wrong_command_is_found(capsys):
    block = "```sh\nmake previw STACK=dev\nmake preview STAK=dev  # a comment\ngaia drift prod --mendd\n```\n"
    text = block + "`pytest tests/unit/test_nothing.py`"
    assert len([command for command in commands(text) if wrong(command)]) == 4
    assert [command for command in commands("`make preview STACK=<stack>` `gaia drift prod --mend`") if wrong(command)] == []


def test_there_are_commands():
    found = [command for page in PAGES for command in commands(page.read_text())]
    assert len([each for each in found if MAKE.match(each)]) > 60
    assert len([each for each in found if GAIA.match(each)]) > 10
