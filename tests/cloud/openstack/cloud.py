"""A real OpenStack cloud on one machine: MariaDB, Ceph and ten OpenStack services on free ports of 127.0.0.1, in one folder.

The services are the real ones, and so is the Ceph behind Manila. Hypervisors, volumes and ports are played, and clusters are
the Kubernetes API servers of tests/cloud/kube.py. Whoever starts it is its parent: its processes end when that ends, even if it is killed.
"""

import contextlib
import getpass
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from tests.cloud.ceph import Ceph
from tests.cloud.kube import die_with_parent
from tests.cloud.openstack import build
from tests.cloud.openstack.connections import connect, first_requests, wait_until_ready
from tests.cloud.openstack.drivers.gaia_dmp_cloud.faults import HAPPENED, Fault, order
from tests.cloud.openstack.seed import COMPUTE_FLAVORS, PROJECTS, clouds_yaml, seed
from tests.cloud.openstack.services import DATABASES, HOST, PASSWORD, REGION, SERVICES, Service, configurations, url
from tests.support.servers import free_ports

ROOT = Path(__file__).resolve().parents[3]


class CloudError(Exception):
    """The cloud could not be started; the message has the end of the log of the service at fault."""


class Cloud:
    """A running cloud.

    folder: its state: configuration, databases, one log per service in `log/`, one folder per cluster in `clusters/`.
    clouds_yaml: path of a file with an entry for every project and for `admin`. ceph: what Manila's shares lie on. report: told what is
    being done.
    """

    def __init__(self, folder: Path, report: Callable[[str], None] = lambda _line: None) -> None:
        self.folder, self._report = folder, report
        self.clouds_yaml = folder / "clouds.yaml"
        self.ceph = Ceph(folder / "ceph", folder / "log")
        self.ports: dict[str, int] = {}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def auth_url(self) -> str:
        return url(SERVICES[0], self.ports)

    def start(self) -> None:
        """Start everything from the snapshot; what stood in the folder before is gone. Raises CloudError."""
        state = build.snapshot()
        shutil.rmtree(self.folder, ignore_errors=True)
        # Ceph's disk is a file of which little is there.
        _call("cp", "--archive", "--sparse=always", str(state), str(self.folder))
        (self.folder / "log").mkdir()
        self.ceph.start()
        self._configure()
        self._report("database")
        self._launch_mariadb()
        self._databases({"endpoints": {service.type: url(service, self.ports) for service in SERVICES}})
        self._report("Ceph")
        self.ceph.wait()
        self._launch_services()
        self._report("back ends")
        wait_until_ready(connect(self.clouds_yaml, "admin"))
        first_requests(connect(self.clouds_yaml, PROJECTS[0]))

    def start_empty(self) -> None:
        """The same with new databases, migrated and filled: what a snapshot is made from. Raises CloudError."""
        (self.folder / "log").mkdir(parents=True, exist_ok=True)
        self._report("Ceph")
        self.ceph.make()
        data = self.folder / "mariadb"
        self._report("databases")
        _call(build.mariadb("mariadb-install-db"), f"--datadir={data}", "--skip-test-db", f"--user={_me()}")
        self._configure()
        self._launch_mariadb()
        self._databases({"create": list(DATABASES)})
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(self._migrate, SERVICES))
        keystone = self._in_venv("keystone-manage"), "--config-file", str(self.folder / "keystone.conf")
        for repository in ("fernet", "credential"):
            (self.folder / repository).mkdir(mode=0o700)
            _call(*keystone, f"{repository}_setup", f"--keystone-user={_me()}", f"--keystone-group={_me()}")
        bootstrap = ("--bootstrap-password", PASSWORD, "--bootstrap-region-id", REGION)
        urls = [word for kind in ("public", "internal", "admin") for word in (f"--bootstrap-{kind}-url", self.auth_url)]
        _call(*keystone, "bootstrap", *bootstrap, *urls)
        self._launch_services()
        self._report("projects, networks, flavours, images, shares")
        seed(self.clouds_yaml, {service: url(service, self.ports) for service in SERVICES})

    def stop(self) -> None:
        """Stop every process, the services before their database."""
        for process in reversed(self._processes.values()):
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()
            process.wait()
        self._processes.clear()
        self.ceph.stop()

    def faults(self, *faults: Fault) -> None:
        """From now on the services fail like this, and no longer as ordered before."""
        order(self.folder, faults)

    def happened(self, fault: Fault) -> bool:
        """Whether a service has committed a fault."""
        file = self.folder / HAPPENED
        return file.exists() and fault.id in file.read_text().split()

    def restart(self, name: str, environment: Mapping[str, str]) -> None:
        """End one service and start it again, with further variables."""
        process = self._processes[name]
        process.terminate()
        process.wait(20)
        self._launch_service(next(service for service in SERVICES if service.name == name), environment)

    def dead(self) -> str | None:
        """Name of a process that has ended by itself, or None."""
        return self.ceph.dead() or next((name for name, process in self._processes.items() if process.poll() is not None), None)

    def pids(self) -> Mapping[str, int]:
        """Process by name."""
        return self.ceph.pids() | {name: process.pid for name, process in self._processes.items()}

    def _configure(self) -> None:
        names = ("mariadb", *(service.name for service in SERVICES))
        self.ports = dict(zip(names, free_ports(len(names)), strict=True)) | self.ceph.ports()
        for service in SERVICES:
            (self.folder / service.name / "lock").mkdir(parents=True, exist_ok=True)
        for name in ("clusters", "images"):
            (self.folder / name).mkdir(exist_ok=True)
        for name, text in configurations(self.folder, build.environment() / "etc", self.ports).items():
            (self.folder / name).write_text(text)
        self.clouds_yaml.write_text(clouds_yaml(self.auth_url))

    def _launch_mariadb(self) -> None:
        self._launch(
            "mariadb",
            build.mariadb("mariadbd"),
            "--no-defaults",
            f"--user={_me()}",
            f"--datadir={self.folder}/mariadb",
            f"--socket={self.folder}/mariadb.sock",
            f"--pid-file={self.folder}/mariadb.pid",
            f"--port={self.ports['mariadb']}",
            f"--bind-address={HOST}",
            "--skip-name-resolve",
            "--skip-grant-tables",  # whoever reaches it may use it, for as long as a test runs
            "--innodb-flush-log-at-trx-commit=0",
            "--innodb-log-file-size=32M",
            "--max-connections=400",
        )
        self._wait("mariadb", lambda: self._answers("mariadb"), 60)

    def _launch_services(self) -> None:
        for service in SERVICES:
            self._launch_service(service, wait=False)
        for service in SERVICES:
            self._report(service.name)
            self._wait(service.name, lambda service=service: self._healthy(service), 180)

    def _launch_service(self, service: Service, environment: Mapping[str, str] | None = None, *, wait: bool = True) -> None:
        what = ("swift",) if service.name == "swift" else ("serve", service.name)
        command = (self._in_venv("python"), "-m", f"gaia_dmp_cloud.{what[0]}", *what[1:], str(self.ports[service.name]))
        self._launch(service.name, *command, environment=environment)
        if wait:
            self._wait(service.name, lambda: self._healthy(service), 180)

    def _healthy(self, service: Service) -> bool:
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"http://{HOST}:{self.ports[service.name]}/", timeout=20, trust_env=False).status_code < 500
        return False

    def _migrate(self, service: Service) -> None:
        self._report(f"migrations of {service.name}")
        for migration in service.migrations:
            program, *arguments = (word.format(conf=self.folder / service.config) for word in migration.split())
            _call(self._in_venv(program), *arguments, environment=self._environment())

    def _databases(self, wanted: Mapping[str, object]) -> None:
        command = (self._in_venv("python"), "-m", "gaia_dmp_cloud.database", str(self.ports["mariadb"]))
        _call(*command, environment=self._environment(), text=json.dumps(wanted))

    def _in_venv(self, name: str) -> str:
        return str(build.environment() / "bin" / name)

    def _environment(self) -> dict[str, str]:
        ours = {
            "GAIA_DMP_CLOUD": str(self.folder),
            "GAIA_DMP_KUBE": json.dumps({"argv": [sys.executable, "-m", "tests.cloud.kube"], "cwd": str(ROOT)}),
            "GAIA_DMP_FLAVORS": json.dumps(COMPUTE_FLAVORS),
            "PYTHONPATH": f"{build.drivers()}:{build.ceph_library()}",
            "PYTHONWARNINGS": "ignore",
        }
        kept = ("PATH", "HOME", "LANG", "TMPDIR", "XDG_CACHE_HOME")
        return {name: value for name, value in os.environ.items() if name in kept} | ours

    def _launch(self, name: str, *command: str, environment: Mapping[str, str] | None = None) -> None:
        with (self.folder / "log" / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env={**self._environment(), **(environment or {})},
                preexec_fn=die_with_parent,
            )

    def _wait(self, name: str, ready: Callable[[], bool], seconds: float) -> None:
        end = time.monotonic() + seconds
        while not ready():
            dead = self.dead()
            if dead:
                raise CloudError(f"{dead} has ended:\n{self._log(dead)}")
            if time.monotonic() > end:
                raise CloudError(f"{name} was not ready in {seconds:.0f} s:\n{self._log(name)}")
            time.sleep(0.2)

    def _answers(self, name: str) -> bool:
        with contextlib.suppress(OSError), socket.create_connection((HOST, self.ports[name]), 1):
            return True
        return False

    def _log(self, name: str) -> str:
        return (self.folder / "log" / f"{name}.log").read_text(errors="replace")[-3000:]


def _me() -> str:
    return getpass.getuser()


def _call(*command: str, environment: Mapping[str, str] | None = None, text: str = "") -> None:
    """Run a command to its end. Raises CloudError with its last words."""
    result = subprocess.run(command, input=text, capture_output=True, text=True, check=False, env=environment)
    if result.returncode:
        raise CloudError(f"{' '.join(command[:3])} ended with {result.returncode}:\n{result.stdout[-1000:]}{result.stderr[-3000:]}")


def make_snapshot(folder: Path) -> None:
    """Fill `folder` with the state of a cloud that has been migrated, filled and stopped."""
    cloud = Cloud(folder)
    try:
        cloud.start_empty()
    finally:
        cloud.stop()
    shutil.rmtree(folder / "log")


@contextlib.contextmanager
def running() -> Iterator[Cloud]:
    """A cloud for the time of a `with`; its state is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="gaia-dmp-cloud-") as folder:
        cloud = Cloud(Path(folder) / "cloud")
        try:
            cloud.start()
            yield cloud
        finally:
            cloud.stop()
