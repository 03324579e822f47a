"""The images, each with everything that is in it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from images.contents import Files, Jars, Program, Spark, Step, Wheels, Yarn
from images.debian import User

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One image.

    suite: of Debian; it fixes Python, Java and nginx to a minor version. packages: Debian's, beside the essential ones. users: accounts.
    steps: what comes on top, a layer each. user: who runs the command, by number, so that the kubelet can tell that it is not root.
    config: the rest of OCI's configuration.
    """

    suite: str
    packages: tuple[str, ...]
    users: tuple[User, ...]
    steps: tuple[Step, ...]
    user: int
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def oci_config(self) -> dict[str, Any]:
        """The configuration as OCI spells it."""
        environment = {"PATH": _PATH, "LANG": "C.UTF-8", **self.environment}
        return {"User": str(self.user), "Env": [f"{key}={value}" for key, value in environment.items()], **self.config}


def _program(name: str, *, path: str, uid: int = 65534) -> Recipe:
    """An image around one Go program. All of them share the layer of Debian, whose shell and certificates they use."""
    return Recipe(
        suite="trixie",
        packages=("ca-certificates", "tzdata"),
        users=(),
        steps=(Program(name=name, path=path),),
        user=uid,
        config={"Entrypoint": [f"/{path}"], "WorkingDir": "/"},
    )


def _spark(spark: Spark, s3a: Jars) -> Recipe:
    """Driver, executor and every other interpreter run this one image: worker and driver cannot differ. Zeppelin is not in it; an
    initContainer copies it in (docs/decisions/).
    """
    return Recipe(
        suite="bookworm",
        packages=("openjdk-17-jre-headless", "python3", "tini", "procps", "ca-certificates", "tzdata"),
        # Without the line in /etc/passwd, Java knows no home and Spark's Ivy fails.
        users=(User(name="spark", uid=185, home="/home/spark"),),
        steps=(
            spark,
            s3a,
            Wheels(requirements="spark/requirements.txt", python="3.11"),
            Files(
                files={"opt/entrypoint.sh": "spark/entrypoint.sh", "opt/decom.sh": "spark/decom.sh"},
                folders={"opt/spark/conf": 0, "opt/spark/work-dir": 185},
            ),
        ),
        user=185,
        environment={"JAVA_HOME": "/usr/lib/jvm/java-17-openjdk-amd64", "SPARK_HOME": "/opt/spark"},
        config={"Entrypoint": ["/opt/entrypoint.sh"], "WorkingDir": "/opt/spark/work-dir"},
    )


# S3A of exactly the Hadoop that a Spark carries, and the AWS SDK that this S3A was built with.
_SPARK_3_5 = _spark(
    Spark(version="3.5.8", sha256="54cca0767b21b40e3953ad1d30f8601c53abf9cbda763653289cdcfcac52313c"),
    Jars(
        sha256={
            "org.apache.hadoop:hadoop-aws:3.3.4": "53f9ae03c681a30a50aa17524bd9790ab596b28481858e54efd989a826ed3a4a",
            "com.amazonaws:aws-java-sdk-bundle:1.12.262": "873fe7cf495126619997bec21c44de5d992544aea7e632fdc77adb1a0915bae5",
        }
    ),
)

RECIPES = {
    "spark": _spark(
        Spark(version="4.0.5", sha256="a0d44b0e7faf0458ad83b7aa664e7ed8b96beed8a55d66ce3b0dfac2309dfca6"),
        Jars(
            sha256={
                "org.apache.hadoop:hadoop-aws:3.4.1": "01334a07e179cae2b7e251f24857f11e3759108c9d6a79dcbe362a4295227da2",
                "software.amazon.awssdk:bundle:2.24.6": "890bf9f2a80488f7a8aa8277d64d13a9ea3a3cdff8607ef3b63a878d8b467b41",
            }
        ),
    ),
    "spark-3.5": _SPARK_3_5,
    # The same with Yarn, whose NodeManagers run executors. Maven Central has no shuffle service for Spark 4.0.
    "yarn": replace(
        _SPARK_3_5,
        steps=(
            *_SPARK_3_5.steps,
            Yarn(
                hadoop="dda06ad1840e85cf70749ec7226f02b2923ca799bf26bca7fc2a31162fced890",
                shuffle="0221760345262b4aee2be0af0bb5cb71d80991ad7172e7f01fdb074f73911cfa",
            ),
        ),
    ),
    # The server of models, of the release that the Spark image has a client of. Its user is the one who makes the backups.
    "mlflow": Recipe(
        suite="bookworm",
        # The wheels of numpy want the C++ library, which nothing else brings along.
        packages=("python3", "libstdc++6", "ca-certificates", "tzdata"),
        users=(User(name="mlflow", uid=1000, home="/nonexistent"),),
        steps=(Wheels(requirements="mlflow/requirements.txt", python="3.11"),),
        user=1000,
        config={"Cmd": ["python3", "-m", "mlflow", "--help"], "WorkingDir": "/"},
    ),
    # Debian 12's nginx does not know `http2 on`.
    "gateway": Recipe(
        suite="trixie",
        packages=("nginx", "libnginx-mod-http-js", "ca-certificates"),
        users=(User(name="nginx", uid=101, home="/nonexistent"),),
        steps=(
            Files(
                files={"etc/nginx/nginx.conf": "gateway/nginx.conf"},
                # nginx opens this file before it reads its configuration.
                links={"var/log/nginx/error.log": "/dev/stderr", "var/log/nginx/access.log": "/dev/stdout"},
            ),
        ),
        user=101,
        config={"Cmd": ["nginx", "-g", "daemon off;"], "StopSignal": "SIGQUIT", "WorkingDir": "/"},
    ),
    # What follows is for the tests: programs that have images of their makers, which no package registry has.
    "restic": _program("restic", path="usr/bin/restic", uid=1000),
    "prometheus": _program("prometheus", path="usr/bin/prometheus"),
    "alertmanager": _program("alertmanager", path="usr/bin/alertmanager"),
    "kube-state-metrics": _program("kube-state-metrics", path="kube-state-metrics"),
    "node-exporter": _program("node_exporter", path="usr/bin/node_exporter"),
    "json-exporter": _program("json_exporter", path="usr/bin/json_exporter"),
}
