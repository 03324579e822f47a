"""Our MLflow image: the server starts as its user with a read-only file system, and lets nobody in whom it cannot know."""

import re
from collections.abc import Callable

import pytest

from components.files import COMPONENTS
from components.models.server import _FILES, _START, model_server_environment, model_server_options
from tests.cloud.images.container import Container

ASK = """
import sys, time, urllib.request
begin = time.monotonic()
while True:
    try:
        with urllib.request.urlopen("http://127.0.0.1:5000" + sys.argv[1], timeout=30) as answer:
            print(sys.argv[1], answer.status)
            break
    except urllib.error.HTTPError as error:
        print(sys.argv[1], error.code)
        break
    except OSError:
        if time.monotonic() - begin > 240:
            raise
        time.sleep(1)
"""


@pytest.mark.long
def test_the_server_starts_and_is_closed(container: Callable[[str], Container], tmp_path):
    image = container("mlflow")
    program = image.root / "opt/models"
    for source, place in _FILES.items():
        (program / place).parent.mkdir(parents=True, exist_ok=True)
        (program / place).write_text((COMPONENTS / "models/files" / source).read_text().replace("/models/", "/tmp/models/"))
    options = [option.replace("///models", "///tmp/models") for option in model_server_options("https://gaia.example.org")]
    script = (
        "mkdir /tmp/models; python3 /opt/models/prepare_models.py upgrade /tmp/models; echo token > /tmp/token\n"
        f"(cd /tmp; sh -ec '{_START.replace(chr(39), chr(34))}' mlflow {' '.join(map(repr, options))} > /tmp/log 2>&1) &\n"
        'for path in /alive /metrics /; do python3 -c "$ASK" "$path" || { cat /tmp/log; exit 1; }; done'
    )
    environment = model_server_environment({"alice": "alice"}, []) | {"GAIA_STORE": "/tmp/models", "ASK": ASK}
    environment |= {"API": "http://127.0.0.1:9", "TOKEN_FILE": "/tmp/token", "CA_FILE": "/etc/ssl/certs/ca-certificates.crt"}
    done = image.run("sh", "-ec", script, mounts={}, **environment)
    assert done.returncode == 0, done.stdout[-3000:]
    *_, schema, alive, metrics, root = done.stdout.splitlines()
    # MLflow names the revisions of its schema by twelve digits, and says before that what it does.
    assert re.fullmatch(r"schema , now [0-9a-f]{12}", schema), done.stdout
    assert [alive, metrics, root] == ["/alive 200", "/metrics 200", "/ 503"]
