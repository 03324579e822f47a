"""The backup as its Pod runs it: the stack's own script and environment, with a real restic, on a folder of this machine."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from components.files import COMPONENTS
from recording import Recording
from tests.cloud import tools
from tests.support.programs import named

PASSWORD = "a password that nobody guesses"


class Backup:
    """restic with the settings of a recorded stack.

    notebooks: the folder that stands for the notebooks' volume. repository: in place of the recorded one. secrets: further variables that
    its Secret would give.
    """

    def __init__(self, recording: Recording, notebooks: Path, folder: Path, repository: str, secrets: Mapping[str, str]) -> None:
        job = named(recording, "notebook-backup-backup-notebooks").inputs["spec"]["jobTemplate"]["spec"]
        container = job["template"]["spec"]["containers"][0]
        assert container["command"] == ["sh", "/script/backup_notebooks.sh"]
        folder.mkdir()
        (folder / "password").write_text(PASSWORD)
        recorded = {each["name"]: each["value"] for each in container["env"] if "value" in each}
        self.environment = recorded | {
            "RESTIC_REPOSITORY": repository,
            "RESTIC_PASSWORD_FILE": str(folder / "password"),
            "RESTIC_CACHE_DIR": str(folder / "cache"),
            "NOTEBOOKS": str(notebooks),
            "PATH": f"{tools.program('restic').parent}:{os.environ['PATH']}",
            **secrets,
        }

    def __call__(self, *arguments: str, check: bool = True) -> str:
        """Run the script; what it said. check: whether a failure fails the test."""
        command = ["sh", str(COMPONENTS / "zeppelin/files/backup_notebooks.sh"), *arguments]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        assert not (check and done.returncode), done.stdout + done.stderr
        return done.stdout + done.stderr


def contents(folder: Path) -> dict[str, bytes | None]:
    """Every file with its bytes, and every folder, below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))}


def some_notebooks(folder: Path) -> Path:
    """A folder as Zeppelin fills it: notebooks with their git history, configuration, and what it notes of the moment."""
    notes = folder / "notebook"
    notes.mkdir(parents=True)

    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=zeppelin", "-c", "user.email=zeppelin@example.org"]
        subprocess.run(["git", *identity, *arguments], cwd=notes, check=True, capture_output=True)

    git("init", "-q")
    for version in range(3):
        (notes / "My note_2ABCDEFGH.zpln").write_text(f'{{"version": {version}}}')
        git("add", "-A")
        git("commit", "-q", "-m", f"Save {version}")
    (notes / "empty folder").mkdir()
    (notes / "größe ♥.zpln").write_bytes(bytes(range(256)) * 4000)
    (folder / "conf").mkdir()
    (folder / "conf" / "notebook-authorization.json").write_text('{"authInfo": {}}')
    (folder / "recovery").mkdir()
    (folder / "recovery" / "spark.recovery").write_text("of this moment")
    return folder
