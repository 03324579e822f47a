"""What is acknowledged stays: servers that are killed at any moment, a share that somebody tidies up, and an older schema."""

import contextlib
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import threading
import time
from pathlib import Path

import httpx
import pytest

from tests.cloud import tools
from tests.cloud.models.addresses import ALICE, BOB
from tests.cloud.models.server import Client, Models, access, client
from tests.support.eventually import eventually
from tests.support.servers import free_ports
from tests.support.stack_files import ROOT


@pytest.mark.long
class TestKilled:
    """A server of its own, which is killed."""

    def test_what_was_acknowledged_is_there_after_each_of_five_kills(self, api, items, tmp_path):
        models = Models(items, tmp_path, access(api, tmp_path))
        acknowledged: list[int] = []
        run = ""

        def write(stop: threading.Event) -> None:
            transport = httpx.HTTPTransport(local_address=ALICE)
            with httpx.Client(transport=transport, timeout=10, headers={"Host": "models.gaia-zeppelin.svc:5000"}) as http:
                while not stop.is_set():
                    step = len(acknowledged)
                    body = {"run_id": run, "key": "m", "value": step, "timestamp": 1, "step": step}
                    try:
                        http.post(f"http://127.0.0.1:{models.port}/api/2.0/mlflow/runs/log-metric", json=body).raise_for_status()
                    except httpx.HTTPError:
                        return
                    acknowledged.append(step)

        try:
            with client(ALICE, models.port, tmp_path) as alice:
                for kill in range(5):
                    models.start()
                    if not run:
                        run = alice("train('killed', 'survives')")[0][0]
                    assert alice("predict('models:/survives/1', 10)") == [21.0]
                    before, stop = len(acknowledged), threading.Event()
                    writers = [threading.Thread(target=write, args=(stop,)) for _ in range(1)]
                    for each in writers:
                        each.start()
                    while len(acknowledged) < before + 20 + 7 * kill:
                        stop.wait(0.005)
                    models.kill(signal.SIGKILL)
                    for each in writers:
                        each.join()
            models.start()
            with sqlite3.connect(models.store / "mlflow.db") as database:
                assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
                assert database.execute("PRAGMA journal_mode").fetchone() == ("delete",)
                kept = {step for (step,) in database.execute("SELECT step FROM metrics WHERE run_uuid = ? AND key = 'm'", (run,))}
            assert len(acknowledged) > 150
            assert set(acknowledged) - kept == set()
            with client(BOB, models.port, tmp_path) as bob:
                assert bob("refused(\"client.delete_registered_model('survives')\")", "predict('models:/survives/1', 10)") == [True, 21.0]
        finally:
            models.kill()


class TestEmpty:
    """The first start, on an empty volume."""

    def test_a_first_start_that_is_killed_anywhere_is_made_good_by_the_next(self, items, tmp_path):
        models = Models(items, tmp_path, {})
        said = models.prepare()
        # The order of constraints is another one in each process.
        whole = [row[:2] for row in _tables(models.store / "mlflow.db")]
        assert said == f"schema , now {_schema(models.store / 'mlflow.db')}\n"
        assert sorted(path.name for path in models.store.iterdir()) == ["mlflow.db"]
        scratch = tmp_path / "scratch"
        for delay in (0.0, 0.3, 0.8):
            for path in models.store.iterdir():
                path.unlink()
            # Half of a copy, which another that was killed has left.
            (models.store / "mlflow-upgrade.db").write_bytes(b"SQLite")
            shutil.rmtree(scratch, ignore_errors=True)
            scratch.mkdir()
            models.environment["TMPDIR"] = str(scratch)
            first = subprocess.Popen(
                models.preparing, env=models.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
            )
            eventually(lambda: any(scratch.glob("*/mlflow.db")), 120, 0.01)
            time.sleep(delay)
            os.killpg(first.pid, signal.SIGKILL)
            assert first.wait() == -signal.SIGKILL
            # What a server would take for its database is not there before it is whole.
            assert not (models.store / "mlflow.db").exists()
            assert models.prepare() == said
            assert [row[:2] for row in _tables(models.store / "mlflow.db")] == whole
            assert sorted(path.name for path in models.store.iterdir()) == ["mlflow.db"]


@pytest.mark.long
class TestFull:
    """A server of its own, whose share somebody tidies up."""

    def test_an_administrator_deletes_for_good_what_the_runbook_says(self, api, items, tmp_path):
        text = (ROOT / "docs/runbooks/models-down.md").read_text()
        (commands,) = re.findall(r"-c mlflow -- sh -c '\n?(.*?)'\n```", text, re.DOTALL)
        (port,) = free_ports(1)
        models = Models(items, tmp_path, access(api, tmp_path))
        models.start()
        try:
            with client(ALICE, models.port, tmp_path) as alice:
                (gone,) = alice("train('full', 'stays')[0]")
                (kept,) = alice("train('full', 'stays')[0]")
                places = alice(*(f"client.get_run('{run}').info.artifact_uri" for run in (gone, kept)))
                assert alice(f"upload('{gone}', 'x', 10)", f"upload('{kept}', 'x', 10)", f"client.delete_run('{gone}')") == [None] * 3
                here = (
                    commands.replace("5001", str(port))
                    .replace(":////models", f":///{models.store}")
                    .replace("///models", f"//{models.store}")
                )
                assert "--older-than 30d" in here
                here = here.replace("--older-than 30d", "--older-than 0d")
                done = subprocess.run(["sh", "-c", here], env=models.environment, capture_output=True, text=True, timeout=300, check=False)
                assert done.returncode == 0, done.stdout + done.stderr
                folders = [models.store / "artifacts" / place.split(":/", 1)[1].lstrip("/") for place in places]
                assert [(folder / "x").exists() for folder in folders] == [False, True]
                runs = (
                    "client.search_runs([client.get_experiment_by_name('full').experiment_id], run_view_type=3)"  # all, also deleted ones
                )
                assert alice(f"[run.info.run_id for run in {runs}]") == [[kept]]
        finally:
            models.kill()
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"http://127.0.0.1:{port}/health")


@pytest.fixture(scope="class")
def antique(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a server of then has left behind."""
    folder, python = tmp_path_factory.mktemp("antique"), tools.mlflow("3.10.1")
    (port,) = free_ports(1)
    command = [python, "-m", "mlflow", "server", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/models/mlflow.db", "--artifacts-destination", f"{folder}/models/artifacts"]
    (folder / "models").mkdir()
    with (folder / "older.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, cwd=folder)
    try:

        def up() -> bool:
            try:
                return httpx.get(f"http://127.0.0.1:{port}/health").status_code == 200
            except httpx.HTTPError:
                return False

        eventually(up, 120, pause=0.5)
        with contextlib.closing(Client(folder, python, MLFLOW_TRACKING_URI=f"http://127.0.0.1:{port}")) as somebody:
            somebody("train('old', 'antique')")
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
    return folder / "models"


class TestSchema:
    """The database of MLflow 3.10, whose schema is an older one."""

    @pytest.fixture
    def older(self, api, items, antique: Path, tmp_path) -> Models:
        shutil.copytree(antique, tmp_path / "models")
        return Models(items, tmp_path, access(api, tmp_path))

    @staticmethod
    def rights(version: str, path: Path) -> bool:
        """Whether MLflow of this version starts on this database of rights, as its server begins."""
        command = [tools.mlflow(version), "-m", "mlflow.server.auth", "db", "upgrade", "--url", f"sqlite:///{path}"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    @pytest.mark.long
    def test_it_is_upgraded_and_nothing_is_lost(self, older):
        before = _schema(older.store / "mlflow.db")
        assert self.rights("3.10.1", older.store / "rights.db")
        rights = _tables(older.store / "rights.db")
        older.start()
        try:
            after = _schema(older.store / "mlflow.db")
            assert after != before
            assert _schema(older.store / f"mlflow-{before}.db") == before
            assert _tables(older.store / f"rights-{before}.db") == rights
            assert _tables(older.store / "rights.db") != rights
            # The way back: with the newer one the older server does not start.
            assert not self.rights("3.10.1", older.store / "rights.db")
            assert self.rights("3.10.1", older.store / f"rights-{before}.db")
            with client(BOB, older.port, older.folder) as bob:
                metrics = "client.search_runs([client.get_experiment_by_name('old').experiment_id])[0].data.metrics"
                assert bob("predict('models:/antique/1', 10)", metrics) == [21.0, {"slope": 2.0}]
            older.kill()
            assert older.prepare() == f"schema {after}, now {after}\n"
        finally:
            older.kill()

    def test_an_upgrade_that_fails_leaves_what_was_there(self, older):
        before = (older.store / "mlflow.db").read_bytes()
        with sqlite3.connect(older.store / "mlflow.db") as database:
            database.execute("UPDATE alembic_version SET version_num = 'of the future'")
        spoilt = (older.store / "mlflow.db").read_bytes()
        assert spoilt != before
        with pytest.raises(AssertionError, match="of the future"):
            older.prepare()
        assert (older.store / "mlflow.db").read_bytes() == spoilt


def _schema(path: Path) -> str:
    with sqlite3.connect(path) as database:
        return database.execute("SELECT version_num FROM alembic_version").fetchone()[0]


def _tables(path: Path) -> list[tuple[str, ...]]:
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return database.execute("SELECT type, name, sql FROM sqlite_master ORDER BY type, name").fetchall()
