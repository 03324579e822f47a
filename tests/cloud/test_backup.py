"""Notebooks that are lost and come back, byte for byte, by a real restic and the stack's own script; tests/openstack does it by S3."""

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Sequence
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


def test_what_people_call_like_a_file_of_the_platform_comes_back(backup):
    notebooks = folder(backup)
    for name in ("notebook/recovery/note.zpln", "notebook/ckpt.new/note.zpln", "notebook/models/results.db/note.zpln"):
        (notebooks / name).parent.mkdir(parents=True)
        (notebooks / name).write_text("a person's")
    before = contents(notebooks)
    # What a start was about to put in the place of the file beside it.
    for name in ("notebook/.examples.json.new", "conf/interpreter.json.new"):
        (notebooks / name).write_text("half")
    backup("backup")
    for path in (notebooks / "notebook", notebooks / "conf"):
        shutil.rmtree(path)
    backup("restore", "latest")
    assert contents(notebooks) == before


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
        return Backup(
            recording, notebooks, tmp_path / "backup", str(tmp_path / "repository"), {"MODELS_FAILED": str(tmp_path / "models-failed")}
        )

    def copy(self, recording: Recording, store: Path, prefix: Sequence[str] = ()) -> None:
        """What the initContainer of a new backup's Pod does, in the Python of its image. prefix: a command that runs it."""
        pod = named(recording, "notebook-backup-backup-notebooks").inputs["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        mounts = {each["name"]: each["mountPath"] for each in pod["containers"][0]["volumeMounts"]}
        assert mounts["models"] == f"{mounts['notebooks']}/models"
        program = COMPONENTS / "models/files/prepare_models.py"
        # What went wrong is told from container to container by a file on a volume that both have, and that begins empty.
        failed = next(each["value"] for each in pod["containers"][0]["env"] if each["name"] == "MODELS_FAILED")
        tmp = {"name": "tmp", "mountPath": str(Path(failed).parent)}
        assert tmp in pod["initContainers"][0]["volumeMounts"]
        assert tmp in pod["containers"][0]["volumeMounts"]
        assert {"name": "tmp", "emptyDir": {"sizeLimit": "3Gi"}} in pod["volumes"]
        here = store.parent.parent / "models-failed"
        here.unlink(missing_ok=True)
        words = {"/script/prepare_models.py": str(program), "/models": str(store), "python3": sys.executable, failed: str(here)}
        command: list[str] = pod["initContainers"][0]["command"]
        subprocess.run([*prefix, *(words.get(word, word) for word in command)], check=True)

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
        assert "The database of models was not copied, so this backup holds an older one, if any: file is not a database" in said
        shutil.rmtree(folder(backup) / "notebook")
        backup("restore", "latest")
        assert (folder(backup) / "notebook" / "My note_2ABCDEFGH.zpln").exists()
        assert self.rows(store) == []
        self.copy(recording, store)
        backup("backup")

    @pytest.mark.long
    def test_files_that_people_call_like_ours_come_back(self, backup, recording):
        store = self.some_models(folder(backup))
        run = store / "artifacts" / "1" / "run" / "artifacts"
        names = ("recovery/steps.csv", "weights.new", "ckpt.new/w.bin", "models/embedding.db", "models/embedding.db-journal", "copy/x.new")
        for name in names:
            (run / name).parent.mkdir(parents=True, exist_ok=True)
            (run / name).write_text("a person's")
        before = contents(store / "artifacts")
        self.copy(recording, store)
        backup("backup")
        backup("restore", "latest")
        assert contents(store / "artifacts") == before
        shutil.rmtree(store / "artifacts")
        backup("restore", "latest")
        assert contents(store / "artifacts") == before

    @pytest.mark.long
    def test_the_databases_themselves_are_in_no_snapshot(self, backup, recording, tmp_path):
        store = self.some_models(folder(backup))
        self.copy(recording, store)
        for name in ("mlflow.db-journal", "mlflow.db.new", "copy/rights.db.new"):
            (store / name).write_text("half")
        backup("backup")
        held = subprocess.run(("restic", "ls", "--quiet", "latest"), env=backup.environment, capture_output=True, text=True, check=True)
        assert [line for line in held.stdout.splitlines() if line.startswith("/models/")] == [
            "/models/artifacts",
            "/models/artifacts/model.skops",
            "/models/copy",
            "/models/copy/mlflow.db",
            "/models/copy/rights.db",
        ]

    @pytest.mark.long
    @pytest.mark.skipif(os.geteuid() != 0, reason="a full share is mounted, which needs root")
    def test_a_full_share_of_models_does_not_keep_notebooks_from_their_backup(self, backup, recording):
        store = self.some_models(folder(backup))
        self.copy(recording, store, ("unshare", "--mount", "sh", "-ec", FULL, "sh", str(store)))
        for task, said in ("backup", "this backup holds an older one"), ("restore", "what is saved of now holds an older one"):
            words = backup(task, *(["latest"] if task == "restore" else []), check=False)
            assert f"The database of models was not copied, so {said}, if any: database or disk is full" in words
            shutil.rmtree(folder(backup) / "notebook")
            backup("restore", "latest")
            assert (folder(backup) / "notebook" / "My note_2ABCDEFGH.zpln").exists()

    @pytest.mark.long
    def test_nor_does_a_folder_of_copies_that_cannot_be_made(self, backup, recording):
        store = self.some_models(folder(backup))
        (store / "copy").write_text("in its place")
        self.copy(recording, store)
        assert "The database of models was not copied" in backup("backup", check=False)
        shutil.rmtree(folder(backup) / "notebook")
        backup("restore", "latest")
        assert (folder(backup) / "notebook" / "My note_2ABCDEFGH.zpln").exists()

    @pytest.mark.parametrize("held", [(), ("failed",), ("mlflow.db",), ("rights.db", "failed")], ids="+".join)
    def test_a_snapshot_without_both_databases_takes_no_model_away(self, backup, held):
        store = self.some_models(folder(backup))
        (store / "copy").mkdir()
        for name in held:
            (store / "copy" / name).write_text("held")
        backup("backup")
        (store / "artifacts" / "later.skops").write_text("made since")
        (store / "mlflow.db-journal").write_text("of the server")
        before = contents(store)
        (folder(backup) / "notebook" / "My note_2ABCDEFGH.zpln").unlink()
        assert "snapshot latest has no whole databases of models: models stay as they are" in backup("restore", "latest")
        assert contents(store) == before
        assert (folder(backup) / "notebook" / "My note_2ABCDEFGH.zpln").exists()

    def test_a_database_that_does_not_come_back_leaves_both(self, backup, recording):
        store = self.some_models(folder(backup))
        self.copy(recording, store)
        backup("backup")
        for name in ("mlflow.db", "mlflow.db-journal", "rights.db", "rights.db-journal"):
            (store / name).write_text("of now")
        # Nothing can be written there, as on a share that is full by then.
        (store / "rights.db.new").symlink_to("/dev/full")
        assert "No space left on device" in backup("restore", "latest", check=False)
        for name in ("mlflow.db", "mlflow.db-journal", "rights.db", "rights.db-journal"):
            assert (store / name).read_text() == "of now"


FULL = """
cp "$1"/*.db "$(dirname "$1")"
mount -t tmpfs -o size=64k full "$1"
mv "$(dirname "$1")"/*.db "$1"
head -c 100000 /dev/zero > "$1/model.skops" || true
shift
"$@"
"""
"""Mounts a full share in the place of a folder, with its databases, for one command."""

WRITER = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], timeout=60)
for n in range(10 ** 6):
    with database:
        database.execute("INSERT INTO rows VALUES (?, ?)", (n, "x" * 2000))
    print(n, flush=True)
"""
