"""The program and its stack files, copied out of the tracked tree so that Pulumi's own notes in a stack file dirty nothing."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.stack_files import ROOT, write

PASSPHRASE = "local"


def copy_program(folder: Path, stack: str, data: Mapping[str, Any], source: Path = ROOT) -> Path:
    """Copy the program of `source` and write a configuration as its stack file, without whatever Pulumi noted in an earlier one."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("components", "layers", "settings"):
        shutil.rmtree(folder / name, ignore_errors=True)
        # Versions before 2026-11-25 have no layers.
        if (source / name).is_dir():
            shutil.copytree(source / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Pulumi.yaml", "__main__.py", "requirements.txt"):
        shutil.copy(source / name, folder)
    if not (folder / ".venv").exists():
        (folder / ".venv").symlink_to(ROOT / ".venv")
    write(folder, stack, dict(data))
    return folder


def engine_environment(clouds_yaml: Path, state: Path) -> dict[str, str]:
    """Variables with which the engine works on the clouds of `clouds_yaml` and keeps its state in folder `state`."""
    state.mkdir(parents=True, exist_ok=True)
    return {
        "OS_CLIENT_CONFIG_FILE": str(clouds_yaml),
        "PULUMI_BACKEND_URL": f"file://{state}",
        "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }
