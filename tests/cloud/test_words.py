"""The styles of .vale/ find what they are for, and leave good English and code alone. `make lint` runs them over the pages."""

import json
import subprocess

import pytest

from tests.cloud import tools
from tests.support.stack_files import ROOT


def findings(text: str) -> set[str]:
    command = [str(tools.program("vale")), "--no-global", "--output", "JSON", "--ext", ".md"]
    answer = subprocess.run(command, cwd=ROOT, input=text, capture_output=True, text=True, check=False)
    return {each["Check"] for file in json.loads(answer.stdout).values() for each in file}


@pytest.mark.parametrize(
    ("text", "check"),
    [
        ("Nothing leads out without a way out.", "House.Terms"),
        ("The fence holds.", "House.Terms"),
        ("The disc is full.", "House.Terms"),
        ("The message says what it lacks.", "House.Telegrams"),
        ("The value has not the form that is wanted.", "House.Telegrams"),
        ("A bucket wants a thought.", "House.Telegrams"),
        ("Tried: the alert.", "House.Telegrams"),
        ("A person " + "who reads " * 20 + "stops.", "House.Long"),
    ],
)
def test_what_nobody_should_read_is_found(text, check):
    assert check in findings(text)


def test_plain_english_and_code_pass():
    assert findings("The egress rule opens one path. `entry.gate` puts an OIDC proxy before it.\n\n```\nway out\n```\n") == set()
