"""Notebooks that are lost and come back, byte for byte, by a real restic and the stack's own script; tests/openstack does it by S3."""

import shutil
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import yaml

from cli.main import main
from components import names
from components.files import COMPONENTS
from recording import Recording
from tests.cloud.api import Api
from tests.cloud.backup import Backup, contents, some_notebooks
from tests.cloud.deployed import SERVER
from tests.support.programs import named, record_data
from tests.support.stack_files import changed, with_models


@pytest.fixture
def backup(tmp_path: Path) -> Backup:
    data = changed(
        "dev",
        "zeppelin.backup",
        {"target": {"kind": "share"}, "password_secret": "p", "keep": {"last": 2, "daily": 0, "weekly": 0, "monthly": 0}},
    )
    notebooks = some_notebooks(tmp_path / "notebooks")
    return Backup(record_data(data), notebooks, tmp_path / "backup", str(tmp_path / "repository"), {})


def folder(backup: Backup) -> Path:
    return Path(backup.environment["NOTEBOOKS"])


def test_lost_notebooks_come_back_byte_for_byte(backup):
    notebooks = folder(backup)
    before = contents(notebooks)
    backup("backup")
    for part in ("notebook", "conf"):
        shutil.rmtree(notebooks / part)
    (notebooks / "recovery" / "spark.recovery").write_text("of a later moment")
    backup("restore", "latest")
    after = contents(notebooks)
    assert after.pop("recovery/spark.recovery") == b"of a later moment"
    assert before.pop("recovery/spark.recovery") == b"of this moment"
    assert after == before
    assert sum(key.startswith("notebook/.git/objects/") for key in after) > 9


def test_a_restore_can_be_taken_back(backup):
    notebooks = folder(backup)
    backup("backup")
    note = notebooks / "notebook" / "My note_2ABCDEFGH.zpln"
    note.write_text("an afternoon's work")
    (notebooks / "notebook" / "new.zpln").write_text("made since")
    changed_since = contents(notebooks)
    backup("restore", "latest")
    assert note.read_text() == '{"version": 2}'
    assert not (notebooks / "notebook" / "new.zpln").exists()
    taken = next(line.split()[0] for line in backup("list").splitlines() if "before-restore" in line)
    backup("restore", taken)
    assert contents(notebooks) == changed_since


def test_so_many_stay_as_the_stack_says(backup):
    for version in range(4):
        (folder(backup) / "conf" / "x").write_text(str(version))
        backup("backup")
    assert sum("scheduled" in line for line in backup("list").splitlines()) == 2
    assert backup.environment["KEEP"] == "--keep-last 2"


def test_nobody_reads_it_without_the_password(backup, tmp_path):
    backup("backup")
    stored = b"".join(path.read_bytes() for path in (tmp_path / "repository").rglob("*") if path.is_file())
    assert b"notebook-authorization" not in stored
    assert b"version" not in stored
    (tmp_path / "backup" / "password").write_text("another")
    assert "wrong password" in backup("list", check=False)
    # Nor is a repository that cannot be opened taken for one that is not there.
    assert "already" in backup("backup", check=False)


def test_a_restore_of_what_is_not_there_changes_nothing(backup):
    backup("backup")
    before = contents(folder(backup))
    assert "no matching ID found" in backup("restore", "0123abcd", check=False)
    assert contents(folder(backup)) == before


def kubeconfig(api: Api, folder: Path) -> Path:
    """A kubeconfig of the administrator."""
    cluster = {"server": api.access.url, "certificate-authority": api.access.ca}
    text = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "x",
        "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
        "clusters": [{"name": "x", "cluster": cluster}],
        "users": [{"name": "x", "user": {"token": api.access.token}}],
    }
    (folder / "kubeconfig").write_text(yaml.safe_dump(text))
    return folder / "kubeconfig"


class TestMakeRestore:
    """`gaia restore` on a real API server; KWOK plays the Pods, so what they do is tested above."""

    def test_it_stops_zeppelin_restores_and_starts_it_again(self, api: Api, tmp_path, capfd):
        jobs, pods = (f"/{group}/namespaces/{SERVER}/{kind}" for group, kind in (("apis/batch/v1", "jobs"), ("api/v1", "pods")))
        before = {job["metadata"]["name"] for job in api.items(jobs)}
        servers: dict[str, int] = {}
        watching = threading.Event()

        def watch() -> None:
            """Note how many servers stand when each Job is there for the first time."""
            while not watching.wait(0.02):
                for job in api.items(jobs):
                    if job["metadata"]["name"] not in servers:
                        servers[job["metadata"]["name"]] = len(api.items(pods, labelSelector="app.kubernetes.io/component=server"))

        watcher = threading.Thread(target=watch)
        watcher.start()
        file = str(kubeconfig(api, tmp_path))
        for arguments in (["--snapshot", "57d2333a"], ["--snapshot", "list"]):
            assert main(["restore", "kube", "--kubeconfig", file, *arguments]) == 0, capfd.readouterr().err
        watching.set()
        watcher.join()
        made = [job for job in api.items(jobs) if job["metadata"]["name"] not in before]
        made.sort(key=lambda job: job["spec"]["template"]["spec"]["containers"][0]["args"], reverse=True)
        containers = [job["spec"]["template"]["spec"]["containers"][0] for job in made]
        assert [container["args"] for container in containers] == [["restore", "$(SNAPSHOT)"], ["list"]]
        assert {"name": "SNAPSHOT", "value": "57d2333a"} in containers[0]["env"]
        assert all(job["metadata"]["name"].startswith("restore-notebooks-") for job in made)
        # Nobody writes while the restore does; a listing disturbs nobody.
        assert servers[made[0]["metadata"]["name"]] == 0
        scale = api.call("GET", f"/apis/apps/v1/namespaces/{SERVER}/deployments/zeppelin-server/scale")
        assert scale["spec"]["replicas"] == 1

    def test_a_stack_without_backups_is_told_so(self, api: Api, tmp_path, capfd, monkeypatch):
        monkeypatch.setattr(names, "RESTORE", "no-such-job")
        assert main(["restore", "kube", "--kubeconfig", str(kubeconfig(api, tmp_path)), "--snapshot", "list"]) == 3
        assert "zeppelin.backup is not set" in capfd.readouterr().err


class TestModels:
    """Models lie below the notebooks of the backup's Pod, and their database is written while it is copied."""

    @pytest.fixture
    def recording(self) -> Recording:
        keep = {"last": 2, "daily": 0, "weekly": 0, "monthly": 0}
        return record_data(
            with_models(changed("dev", "zeppelin.backup", {"target": {"kind": "share"}, "password_secret": "p", "keep": keep}))
        )

    @pytest.fixture
    def backup(self, recording, tmp_path: Path) -> Backup:
        notebooks = some_notebooks(tmp_path / "notebooks")
        return Backup(recording, notebooks, tmp_path / "backup", str(tmp_path / "repository"), {})

    def copy(self, recording: Recording, store: Path) -> None:
        """What the initContainer of the backup does, in the Python of its image."""
        pod = named(recording, "notebook-backup-backup-notebooks").inputs["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        mounts = {each["name"]: each["mountPath"] for each in pod["containers"][0]["volumeMounts"]}
        assert mounts["models"] == f"{mounts['notebooks']}/models"
        program = COMPONENTS / "models/files/prepare_models.py"
        words = {"/script/prepare_models.py": str(program), "/models": str(store), "python3": sys.executable}
        command: list[str] = pod["initContainers"][0]["command"]
        subprocess.run([words.get(word, word) for word in command], check=True)

    def some_models(self, folder: Path) -> Path:
        store = folder / "models"
        (store / "artifacts").mkdir(parents=True)
        (store / "artifacts" / "model.skops").write_bytes(bytes(range(256)))
        for name in ("mlflow", "rights"):
            with sqlite3.connect(store / f"{name}.db") as database:
                database.execute("CREATE TABLE rows (n INTEGER, text TEXT)")
        return store

    def rows(self, store: Path) -> list[int]:
        with sqlite3.connect(store / "mlflow.db") as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            return [n for (n,) in database.execute("SELECT n FROM rows ORDER BY n")]

    def test_they_are_backed_up_while_they_are_written_and_come_back(self, backup, recording, tmp_path):
        store = self.some_models(folder(backup))
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(store / "mlflow.db")], stdout=subprocess.PIPE, text=True)
        assert writer.stdout
        written = [int(writer.stdout.readline()) for _ in range(50)]
        self.copy(recording, store)
        backup("backup")
        writer.kill()
        writer.wait()
        for path in (store / "artifacts" / "model.skops", store / "rights.db"):
            path.unlink()
        (store / "mlflow.db").write_bytes(b"lost")
        (store / "mlflow.db-journal").write_bytes(b"of a write that was killed")
        (store / "mlflow-0123456789ab.db").write_bytes(b"of an older schema")
        backup("restore", "latest")
        assert (store / "artifacts" / "model.skops").read_bytes() == bytes(range(256))
        found = self.rows(store)
        assert found[: len(written)] == written
        assert found == list(range(len(found)))
        assert sorted(path.name for path in store.iterdir()) == ["artifacts", "copy", "mlflow-0123456789ab.db", "mlflow.db", "rights.db"]

    def test_a_backup_from_before_there_were_models_takes_none_away(self, backup):
        backup("backup")
        store = self.some_models(folder(backup))
        before = contents(store)
        (folder(backup) / "notebook" / "My note_2ABCDEFGH.zpln").unlink()
        backup("restore", "latest")
        assert contents(store) == before
        assert (folder(backup) / "notebook" / "My note_2ABCDEFGH.zpln").exists()

    def test_a_database_that_is_broken_does_not_keep_notebooks_from_their_backup(self, backup, recording):
        store = self.some_models(folder(backup))
        self.copy(recording, store)
        (store / "mlflow.db").write_bytes(b"no database at all, but long enough to look like one" * 100)
        self.copy(recording, store)
        said = backup("backup", check=False)
        assert "The database of models was not copied, so this backup holds an older one: file is not a database" in said
        shutil.rmtree(folder(backup) / "notebook")
        backup("restore", "latest")
        assert (folder(backup) / "notebook" / "My note_2ABCDEFGH.zpln").exists()
        assert self.rows(store) == []


WRITER = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], timeout=60)
for n in range(10 ** 6):
    with database:
        database.execute("INSERT INTO rows VALUES (?, ?)", (n, "x" * 2000))
    print(n, flush=True)
"""
