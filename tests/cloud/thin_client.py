"""A person's own machine: the thin client of Spark Connect as a process, with neither Java nor jars."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.cloud import tools


class RefusedError(Exception):
    """What the client says of a connection that failed."""


def ask(url: str, certificate: Path, *expressions: str, seconds: float = 180) -> list[Any]:
    """What a client finds. certificate: whom it trusts. Raises RefusedError, and TimeoutExpired of one that goes on trying."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("SPARK_", "PYSPARK_", "JAVA_"))}
    result = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("connect_client.py")), url, *expressions],
        env=clean | {"PYTHONPATH": str(tools.connect()), "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(certificate)},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    found = json.loads(result.stdout)
    if "error" in found:
        raise RefusedError(found["error"])
    return found["answers"]
