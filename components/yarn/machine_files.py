"""What a machine of Yarn's learns as it boots: cloud-init's user data, with every file in it. Plain functions, no resource.

Nobody logs in to a machine. cloud-init makes its users and files; `setup.sh` does the rest, and is tried until it has.
"""

import base64
import bz2
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network

from components.files import text
from components.names import (
    BLOCK_MANAGER_PORT,
    DRIVER_PORT,
    SHUFFLE_PORT,
    SPARK_UID,
    WEBSOCKET_PORT,
    YARN_ADMIN_PORT,
    YARN_BLOCK_PORTS,
    YARN_CONTAINER_PORT,
    YARN_NODE_WEB_PORT,
    YARN_SCHEDULER_PORT,
    YARN_TRACKER_PORT,
    YARN_WEB_PORT,
    ZEPPELIN_PORT,
    ZEPPELIN_UID,
)
from components.yarn.configuration import NODE_VARIABLE
from components.yarn.pods import daemon_command
from settings.values.backend import MachineSoftware
from settings.values.images import Egress
from settings.values.network import METADATA

CONF = "/etc/yarn"
UNITS = "/etc/systemd/system"
FILES = "/opt/platform/files.tar.bz2"
DRIVER_PORTS = range(DRIVER_PORT, BLOCK_MANAGER_PORT + len(YARN_BLOCK_PORTS))
"""Ports of drivers, which share the gateway's network: each takes the next two that are free."""

FROM_WORKERS: Sequence[range] = (range(YARN_SCHEDULER_PORT, YARN_TRACKER_PORT + 1), DRIVER_PORTS)
"""Ports of the gateway that workers reach: what ApplicationMasters and NodeManagers tell the ResourceManager, and drivers."""

OF_WORKERS: Sequence[range] = (
    range(YARN_CONTAINER_PORT, YARN_CONTAINER_PORT + 1),
    range(SHUFFLE_PORT, SHUFFLE_PORT + 1),
    range(YARN_BLOCK_PORTS.start, YARN_BLOCK_PORTS.stop),
)
"""Ports of a worker that the gateway and other workers reach."""

JAVA = "/usr/lib/jvm/java-17-openjdk-amd64"
WORKER_PACKAGES = (
    "ceph-common",
    "curl",
    "nftables",
    "openjdk-17-jre-headless",
    "procps",
    "python3",
    "python3-astropy",
    "python3-matplotlib",
    "python3-numpy",
    "python3-pandas",
    "python3-scipy",
)
"""Of every machine: a function that a driver sends finds the same Python and libraries in an executor."""

GATEWAY_PACKAGES = (*WORKER_PACKAGES, "libnginx-mod-http-js", "nginx", "sudo")


@dataclass(frozen=True, kw_only=True)
class CephMount:
    """A share, mounted by the kernel."""

    path: str
    """Where."""

    ceph_id: str
    """Ceph id, without `client.`."""

    key: str
    """Its key."""

    monitors: Sequence[str]
    """Monitors, host:port each."""

    root_path: str
    """Absolute path inside the Ceph file system."""

    fs_name: str | None
    """Name of the Ceph file system, or None for the only one."""

    read_only: bool
    """Whether the mount is; then the key is, too."""


@dataclass(frozen=True, kw_only=True)
class MachineArgs:
    """What every machine learns."""

    address: IPv4Address
    """Its own."""

    yarn_files: Mapping[str, str]
    """The daemon's folder of configuration, by name."""

    volume: str
    """Cinder's id of its volume."""

    mounts: Sequence[CephMount]
    """Shares."""

    software: MachineSoftware
    """Where archives are."""

    firewall: str
    """Rules for nftables."""

    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    """What a process needs to reach the world."""

    ca_bundle: str | None = None
    """PEM certificates to trust, or None."""


def user_data(
    args: MachineArgs,
    *,
    users: Sequence[Mapping[str, object]],
    packages: Sequence[str],
    archives: Sequence[str],
    units: Sequence[str],
    files: Mapping[str, str],
    secrets: Mapping[str, str],
) -> str:
    """The user data of one machine, with secrets in it.

    packages: of Debian. archives: names of MachineSoftware. units: those that the set-up starts. files: beside those of every one, path to
    contents. secrets: the same for what root alone reads.
    """
    everywhere = {f"{CONF}/{name}": contents for name, contents in args.yarn_files.items()} | {
        f"{UNITS}/platform-setup.service": text("yarn/files/platform-setup.service"),
        f"{UNITS}/mount.d/platform.conf": text("yarn/files/mount.conf"),
        f"{UNITS}/platform-scratch.service": filled("platform-scratch.service", volume=args.volume[:20]),
        "/etc/nftables.conf": args.firewall,
        "/opt/platform/archives": "".join(_archive(args.software, name) for name in archives),
        "/opt/platform/fstab": "".join(fstab_line(mount) for mount in args.mounts),
        "/opt/platform/units": " ".join(units) + "\n",
        "/opt/platform/outside.env": environment_file(args.environment),
        "/opt/platform/packages": " ".join(packages) + "\n",
        "/opt/platform/setup.sh": text("yarn/files/machine-setup.sh"),
        "/opt/platform/scratch.sh": text("yarn/files/machine-scratch.sh"),
    }
    if args.ca_bundle:
        everywhere["/opt/platform/ca-bundle.pem"] = args.ca_bundle
    keys = {f"/etc/ceph/{mount.ceph_id}.secret": f"{mount.key}\n" for mount in args.mounts}
    proxies = {key: args.environment[key] for key in ("http_proxy", "https_proxy") if key in args.environment}
    data: dict[str, object] = {
        # No `default`: there is no user whom a key of the cloud would let in.
        "users": list(users),
        "disable_root": True,
        # Hadoop ends where a machine's own name has no address.
        "manage_etc_hosts": "localhost",
        "ssh_pwauth": False,
        "write_files": [
            {"path": FILES, "permissions": "0600", "encoding": "b64", "content": packed(everywhere | dict(files))},
            *({"path": path, "permissions": "0600", "content": contents} for path, contents in (keys | dict(secrets)).items()),
        ],
        "runcmd": [
            ["python3", "-c", f"import tarfile; tarfile.open('{FILES}').extractall('/')"],
            ["systemctl", "daemon-reload"],
            ["systemctl", "enable", "--now", "--no-block", "platform-setup.service"],
        ],
    }
    if args.ca_bundle:
        data["ca_certs"] = {"trusted": [args.ca_bundle]}
    if proxies:
        data["apt"] = proxies
    return f"#cloud-config\n{json.dumps(data, indent=1, ensure_ascii=False)}\n"


def packed(files: Mapping[str, str]) -> str:
    """Files as a .tar.bz2, in base64: Nova takes 64 KiB of user data, which they would fill.

    It is no gzip, whose makers do not agree on its bytes: on another colleague's computer every machine would be a new one.
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path, contents in sorted(files.items()):
            entry = tarfile.TarInfo(path.lstrip("/"))
            # sudo reads no file that its owner may write.
            entry.mode = 0o755 if path.endswith(".sh") else 0o440 if path.startswith("/etc/sudoers.d/") else 0o644
            entry.size = len(contents.encode())
            archive.addfile(entry, io.BytesIO(contents.encode()))
    return base64.b64encode(bz2.compress(buffer.getvalue())).decode()


def user(name: str, uid: int | None = None, home: str | None = None) -> Mapping[str, object]:
    """A user of a machine who cannot log in. uid: where files on shares have that owner."""
    found: dict[str, object] = {"name": name, "system": True, "lock_passwd": True, "shell": "/usr/sbin/nologin"}
    return found | ({"uid": uid} if uid else {}) | ({"homedir": home} if home else {"no_create_home": True})


def filled(name: str, **values: object) -> str:
    """One of `files/` with its marks filled in."""
    found = text(f"yarn/files/{name}")
    for key, value in values.items():
        found = found.replace(f"@{key}@", str(value))
    return found


def daemon_unit(name: str, program: str, heap_mib: int, address: IPv4Address) -> str:
    """The unit of one of Yarn's daemons. program: its class below org.apache.hadoop.yarn.server."""
    variables = {NODE_VARIABLE: str(address), "HADOOP_CONF_DIR": CONF, "JAVA_HOME": JAVA}
    command = ["/usr/bin/java", *daemon_command(program, heap_mib, CONF, "/opt/hadoop/jars")[1:]]
    return filled(name, variables=" ".join(f"{key}={value}" for key, value in variables.items()), command=" ".join(command))


def environment_file(variables: Mapping[str, str]) -> str:
    """A file for systemd's EnvironmentFile."""
    return "".join(f'{key}="{value}"\n' for key, value in variables.items())


def fstab_line(mount: CephMount) -> str:
    """The line of one share (ceph: doc/man/8/mount.ceph.rst; systemd: systemd.mount)."""
    options = [f"name={mount.ceph_id}", f"secretfile=/etc/ceph/{mount.ceph_id}.secret"]
    options += [f"fs={mount.fs_name}"] if mount.fs_name else []
    options += ["ro" if mount.read_only else "rw", "noatime", "nodev", "nosuid", "_netdev", "nofail"]
    options += ["x-systemd.automount", "x-systemd.mount-timeout=60"]
    return f"{','.join(mount.monitors)}:{mount.root_path} {mount.path} ceph {','.join(options)} 0 0\n"


def firewall(subnet: IPv4Network, gateway: IPv4Address, workers: Sequence[IPv4Address], egress: Sequence[Egress]) -> str:
    """The nftables of a machine: what people's own processes reach. Who reaches the machine is for security groups.

    Nobody but root asks the address that serves the user data, which has keys in it. People's processes have the user `spark`, NodeManagers
    and executors among them; mounts are the kernel's, which has none.
    """
    closed = ", ".join(str(port) for port in (ZEPPELIN_PORT, WEBSOCKET_PORT, YARN_ADMIN_PORT, YARN_WEB_PORT, YARN_NODE_WEB_PORT))
    lines = [
        # A NodeManager asks its own pages whether they are there, and nobody else does.
        f'oifname "lo" tcp dport {{ {closed} }} reject',
        'oifname "lo" accept',
        f"ip daddr {gateway} tcp dport {_ports(FROM_WORKERS)} accept",
        f"ip daddr {{ {', '.join(map(str, workers))} }} tcp dport {_ports(OF_WORKERS)} accept",
        "udp dport 53 accept",
        "tcp dport 53 accept",
        f"ip daddr {subnet} reject",
        *(f"ip daddr {rule.cidr} tcp dport {{ {', '.join(map(str, rule.ports))} }} accept" for rule in egress if "notebooks" in rule.who),
        "reject",
    ]
    people = "\n".join(f"    {line}" for line in lines)
    return f"""#!/usr/sbin/nft -f
flush ruleset
table inet platform {{
  chain output {{
    type filter hook output priority filter; policy accept;
    ip daddr {METADATA.network_address} meta skuid != 0 reject
    ip6 daddr fe80::a9fe:a9fe meta skuid != 0 reject
    ct state established,related accept
    meta skuid {SPARK_UID} jump people
  }}
  chain people {{
{people}
  }}
}}
"""


def _ports(ranges: Sequence[range]) -> str:
    return "{ " + ", ".join(f"{each.start}-{each.stop - 1}" if len(each) > 1 else str(each.start) for each in ranges) + " }"


def _archive(software: MachineSoftware, name: str) -> str:
    archive = getattr(software, name)
    return f"{name} {archive.sha512} {software.mirror.rstrip('/')}/{archive.file}\n"


SPARK_USER = user("spark", SPARK_UID, "/home/spark")
"""Who runs what people write."""

ZEPPELIN_USER = user("zeppelin", ZEPPELIN_UID, "/var/lib/zeppelin")
YARN_USER = user("yarn")
