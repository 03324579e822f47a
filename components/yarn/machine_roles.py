"""A worker with a NodeManager, and the gateway with Zeppelin, drivers and the ResourceManager. Plain functions, no resource."""

import functools
import operator
from collections.abc import Sequence
from dataclasses import dataclass

from components.files import text
from components.names import SPARK_UID, WEBSOCKET_PORT, ZEPPELIN_PORT, ZEPPELIN_UID
from components.yarn import machine_files
from components.yarn.configuration import YarnCluster
from components.yarn.machine_files import CONF, JAVA, UNITS, MachineArgs, daemon_unit, environment_file, filled, user_data
from components.yarn.pods import STAGING, yarn_properties
from components.zeppelin.interpreters import machine_settings
from components.zeppelin.server_pod import common_environment
from settings.values.spark import SparkSettings
from settings.values.zeppelin import ZeppelinSettings

HISTORY = "/srv/platform/history"
"""Where the gateway mounts the share of event logs, which other users do not enter."""

_SPARK_CONF = "/etc/spark"
STAGING_FOLDER = ".machines"
"""Folder of that share for what drivers leave to executors, beside the one of Pods, whose owner is another."""


_PORTS = {"zeppelin_port": ZEPPELIN_PORT, "websocket_port": WEBSOCKET_PORT}
_BESIDE_ZEPPELIN = ("seed_interpreters.py", "websocket_guard.py", "closing.py")


@dataclass(frozen=True, kw_only=True)
class GatewayArgs:
    """What the gateway's machine learns beside the rest."""

    cluster: YarnCluster
    """Yarn."""

    spark: SparkSettings
    """Sizes of drivers and executors."""

    zeppelin: ZeppelinSettings
    """The server's size, its languages, and whether it stands by."""

    origin: str
    """Address that browsers come by."""

    maven_mirror: str | None
    """Address of a mirror of Maven repositories, or None."""

    shiro_ini: str
    """Zeppelin's login."""

    credentials_key: str
    """The key by which Zeppelin encrypts what people store."""

    certificate: str
    """PEM chain."""

    key: str
    """PEM private key."""


def worker_data(args: MachineArgs) -> str:
    """The user data of a worker."""
    return user_data(
        args,
        users=[machine_files.SPARK_USER],
        packages=machine_files.WORKER_PACKAGES,
        archives=["hadoop", "spark"],
        units=["platform-scratch.service", "yarn-worker.service"],
        files={f"{UNITS}/yarn-worker.service": daemon_unit("yarn-worker.service", "nodemanager.NodeManager", 512, args.address)},
        secrets={},
    )


def gateway_data(args: MachineArgs, own: GatewayArgs) -> str:
    """The user data of the gateway. A server that stands by does not start."""
    serving = [] if own.zeppelin.standby else ["zeppelin.service", "zeppelin-websocket.service"]
    defaults, interpreters = _drivers(args, own)
    manager = daemon_unit("yarn-manager.service", "resourcemanager.ResourceManager", 1024, args.address)
    return user_data(
        args,
        users=[machine_files.SPARK_USER, machine_files.ZEPPELIN_USER, machine_files.YARN_USER],
        packages=machine_files.GATEWAY_PACKAGES,
        archives=["hadoop", "spark", "zeppelin"],
        units=["platform-scratch.service", "yarn-manager.service", *serving],
        files={
            f"{UNITS}/yarn-manager.service": manager,
            f"{UNITS}/zeppelin.service": text("yarn/files/zeppelin.service"),
            f"{UNITS}/zeppelin-websocket.service": filled("zeppelin-websocket.service", **_PORTS),
            **_nginx(),
            "/etc/sudoers.d/zeppelin": text("yarn/files/machine-sudoers"),
            f"{_SPARK_CONF}/spark-defaults.conf": defaults,
            "/opt/platform/prepare.sh": filled(
                "machine-gateway.sh",
                zeppelin_uid=ZEPPELIN_UID,
                spark_uid=SPARK_UID,
                history=HISTORY,
                staging_folder=STAGING_FOLDER,
                languages=" ".join(["spark", *own.zeppelin.interpreters]),
            ),
            "/opt/platform/mounted.sh": text("yarn/files/machine-mounted.sh"),
            "/opt/platform/start-interpreter.sh": text("yarn/files/machine-interpreter.sh"),
            "/opt/platform/run-interpreter.sh": text("spark/files/run-interpreter.sh"),
            "/opt/platform/interpreter.json": interpreters,
            "/opt/platform/zeppelin.env": environment_file(_environment(args, own)),
            **{f"/opt/platform/{name}": text(f"zeppelin/files/{name}") for name in _BESIDE_ZEPPELIN},
        },
        secrets={
            "/opt/platform/shiro.ini": own.shiro_ini,
            "/opt/platform/credentials.env": environment_file({"ZEPPELIN_CREDENTIALS_ENCRYPT_KEY": own.credentials_key}),
            "/etc/nginx/tls/tls.crt": own.certificate,
            "/etc/nginx/tls/tls.key": own.key,
        },
    )


def _nginx() -> dict[str, str]:
    """Nginx's files. It lets through what the gateway's Pods do. There is no Spark UI to lead to, so no name of a Pod has an owner."""
    locations = text("access/files/gateway-locations.conf")
    for key, value in {"spark_settings": "", "spark_domain": "invalid"}.items():
        locations = locations.replace(f"@{key}@", value)
    return {
        "/etc/nginx/nginx.conf": filled("machine-nginx.conf", **_PORTS),
        "/etc/nginx/platform/locations.inc": locations,
        "/etc/nginx/platform/spark-ui.js": text("access/files/gateway-spark-ui.js"),
    }


def _drivers(args: MachineArgs, own: GatewayArgs) -> tuple[str, str]:
    """Spark's settings of drivers: what is common to all sizes, as spark-defaults.conf, and Zeppelin's interpreters with the rest."""
    sizes = {name: yarn_properties(own.cluster, own.spark, size, own.maven_mirror) for name, size in own.spark.sizes().items()}
    common = dict(functools.reduce(operator.and_, (properties.items() for properties in sizes.values())))
    common |= {"spark.driver.host": str(args.address), "spark.yarn.stagingDir": f"file://{STAGING}"}
    beside = {
        "spark.master": "yarn",
        "spark.submit.deployMode": "client",
        # Zeppelin presets 2, with which dynamic allocation would begin.
        "spark.executor.instances": "",
        "SPARK_HOME": own.cluster.spark_home,
        "SPARK_CONF_DIR": _SPARK_CONF,
        "HADOOP_CONF_DIR": CONF,
        "PYSPARK_PYTHON": "python3",
        "PYSPARK_DRIVER_PYTHON": "python3",
    }
    own_of = {name: {key: value for key, value in properties.items() if key not in common} | beside for name, properties in sizes.items()}
    defaults = "".join(f"{key} {value}\n" for key, value in sorted(common.items()))
    return defaults, machine_settings(own_of, own.zeppelin.interpreters)


def _environment(args: MachineArgs, own: GatewayArgs) -> dict[str, str]:
    """Zeppelin's settings beside its processes: interpreters are started by a script of ours, and all of it stays on this machine."""
    return {
        **args.environment,
        **common_environment(own.spark, own.zeppelin.interpreters, own.origin, own.zeppelin.memory_gib, "/var/lib/zeppelin"),
        "ZEPPELIN_HOME": "/opt/zeppelin",
        "ZEPPELIN_ADDR": "127.0.0.1",
        "ZEPPELIN_LOCAL_IP": "127.0.0.1",
        "ZEPPELIN_RUN_MODE": "local",
        "ZEPPELIN_INTERPRETER_REMOTE_RUNNER": "/opt/platform/start-interpreter.sh",
        # Otherwise Zeppelin would tell spark-submit as well whom to impersonate.
        "ZEPPELIN_IMPERSONATE_SPARK_PROXY_USER": "false",
        "ZEPPELIN_LOG_DIR": "/var/lib/zeppelin/logs",
        "ZEPPELIN_IDENT_STRING": "zeppelin",
        "HOME": "/var/lib/zeppelin",
        "JAVA_HOME": JAVA,
    }


def gateway_mounts() -> Sequence[tuple[str, str]]:
    """(where, folder below the root) of the share of event logs on the gateway."""
    return ((HISTORY, ""), (STAGING, f"/{STAGING_FOLDER}"))
