"""Settings of container images, and of what Pods need outside the cluster: registry, certificates, proxy, mirrors, egress rules."""

import re
from collections.abc import Iterator
from ipaddress import IPv4Network
from typing import Annotated, Literal

from pydantic import Field

from settings.values.network import METADATA
from settings.values.vocabulary import ConfigKey, Image, Name, ObjectName, Problem, Settings, Url

Version = Annotated[str, Field(pattern=r"^\d+(\.\d+){0,2}$")]


class Versions(Settings):
    """Versions of the software inside the images. Zeppelin supports only some combinations, so a stack states them."""

    zeppelin: Version = "0.12.1"
    """Version of Zeppelin in `images.zeppelin`."""

    spark: Version = "4.0.5"
    """Version of Spark in `images.spark`."""

    scala: Version = "2.13"
    """Version of Scala in `images.spark`."""

    java: Annotated[int, Field(ge=8, le=30)] = 17
    """Version of Java in `images.spark`, for drivers, executors and other interpreters."""

    python: Version = "3.10"
    """Version of Python in `images.spark`."""


_SUPPORTED: dict[str, dict[str, dict[str, tuple[str, ...]]]] = {
    "0.11": {
        spark: {"scala": ("2.12", "2.13"), "java": ("8", "11", "17"), "python": ("3.8", "3.9", "3.10", "3.11")}
        for spark in ("3.3", "3.4", "3.5")
    },
    "0.12": {
        **{
            spark: {"scala": ("2.12", "2.13"), "java": ("11", "17"), "python": ("3.8", "3.9", "3.10", "3.11")}
            for spark in ("3.3", "3.4", "3.5")
        },
        "4.0": {"scala": ("2.13",), "java": ("17",), "python": ("3.9", "3.10", "3.11", "3.12")},
    },
}
"""Zeppelin's minor version to Spark's to what works with both. Source: SparkVersion.java and
.github/workflows/core.yml of each tag (https://github.com/apache/zeppelin/tags); Python: PySpark's own range."""

_TAGS = {
    "zeppelin": ("zeppelin", r"zeppelin:v?(\d+\.\d+\.\d+)"),
    "spark": ("spark", r"spark[\w-]*:v?(\d+\.\d+\.\d+)"),
    "scala": ("spark", r"-scala(\d+\.\d+)"),
    "java": ("spark", r"-java(\d+)"),
}
"""Version to the image whose tag contains it, and the pattern that finds it there."""


class ImageSettings(Settings):
    """Container images, each with a fixed tag or digest; `latest` is refused."""

    zeppelin: Image = "docker.io/apache/zeppelin:0.12.1"
    """Zeppelin, for the server and for the files that an initContainer copies into each interpreter."""

    spark: Image = "docker.io/apache/spark:4.0.5-scala2.13-java17-python3-ubuntu"
    """Spark, for drivers, executors and all other interpreters."""

    yarn: Image | None = None
    """Spark 3.5 with Hadoop in /opt/hadoop and Spark's shuffle service in /opt/shuffle; needed with `spark.backend` yarn.
    `make images IMAGE=yarn` makes it. No registry has one."""

    gateway: Image = (
        "docker.io/nginxinc/nginx-unprivileged:1.29-alpine@sha256:0c79d56aee561a1d81c63f00eee5fb5fe29279560cdc55e91425133104c7fbe6"
    )
    """Unprivileged nginx for the gateway."""

    gate: Image = "quay.io/oauth2-proxy/oauth2-proxy:v7.15.4"
    """oauth2-proxy, used with `entry.gate`."""

    versions: Versions = Versions()
    """Versions of the software inside the images."""

    ceph_csi: Image = "quay.io/cephcsi/cephcsi:v3.16.2"
    """CephCSI node plug-in."""

    manila_csi: Image = "registry.k8s.io/provider-os/manila-csi-plugin:v1.36.0"
    """Manila CSI node plug-in, used by datasets with `plugin: manila-csi`."""

    restic: Image = "docker.io/restic/restic:0.18.1"
    """restic, used with `zeppelin.backup`."""

    mlflow: Image | None = None
    """MLflow with its own rights, used with `models`: the image that `make images IMAGE=mlflow` builds. None by default."""

    csi_registrar: Image = "registry.k8s.io/sig-storage/csi-node-driver-registrar:v2.16.0"
    """The sidecar that registers the node plug-in with the kubelet."""

    registry_prefix: (
        Annotated[str, Field(pattern=r"^[a-z0-9.-]+(:\d+)?(/[a-z0-9._-]+)*$", examples=["registry.example.org/mirror"])] | None
    ) = None
    """Registry that mirrors all images. It is put in front of each image's own registry and path."""

    pull_secret: ConfigKey | None = None
    """Name of the config key that holds a docker config.json for the registry: pulumi config set --secret gaia-dmp:<this name>."""

    def problems(self) -> Iterator[Problem]:
        versions = self.versions
        for key, (image, pattern) in _TAGS.items():
            found = re.search(pattern, getattr(self, image))
            if found and found[1] != str(getattr(versions, key)):
                yield Problem(("versions", key), f"does not match the tag of images.{image}, which says {found[1]}", found[1], ((image,),))
        zeppelin, spark = _minor(versions.zeppelin), _minor(versions.spark)
        if zeppelin not in _SUPPORTED:
            yield Problem(
                ("versions", "zeppelin"), "is not a supported version of Zeppelin", ", ".join(f"{known}.x" for known in _SUPPORTED)
            )
            return
        if spark not in _SUPPORTED[zeppelin]:
            accepted = ", ".join(f"{known}.x" for known in _SUPPORTED[zeppelin])
            yield Problem(("versions", "spark"), f"is not supported by Zeppelin {versions.zeppelin}", accepted, (("versions", "zeppelin"),))
            return
        for key, accepted in _SUPPORTED[zeppelin][spark].items():
            value = str(getattr(versions, key))
            if (value if key == "java" else _minor(value)) not in accepted:
                yield Problem(
                    ("versions", key),
                    f"does not work with Zeppelin {versions.zeppelin} and Spark {versions.spark}",
                    ", ".join(accepted),
                    (("versions", "zeppelin"), ("versions", "spark")),
                )


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


class Egress(Settings):
    """An egress rule. Everything else outside the cluster is closed. A rule never includes the cloud's metadata address, nor the networks
    of Pods and Services that the stack knows.
    """

    name: Annotated[Name, Field(examples=["packages"], max_length=30)]
    """Name of the rule, unique in the stack."""

    cidr: Annotated[IPv4Network, Field(examples=["0.0.0.0/0"])]
    """Destination, as an IPv4 network."""

    ports: Annotated[tuple[Annotated[int, Field(ge=1, le=65535)], ...], Field(strict=False, min_length=1, examples=[[443]])]
    """TCP ports."""

    who: Annotated[tuple[Literal["notebooks", "server", "gate", "backup", "alerts"], ...], Field(strict=False, min_length=1)] = (
        "notebooks",
    )
    """Pods that the rule is for: notebooks (interpreters and executors), server (Zeppelin: LDAP, git), gate (the OIDC proxy), backup
    (backups to a bucket), alerts (Alertmanager)."""

    def problems(self) -> Iterator[Problem]:
        if self.cidr == METADATA:
            # A wider network excludes this address; here nothing else would be left.
            yield Problem(("cidr",), "must not be the cloud's metadata address, which serves the node's secrets", "another network")


class OutsideSettings(Settings):
    """How Pods reach addresses outside the cluster."""

    ca_bundle: str | None = None
    """PEM certificates that Python, pip and curl in Pods trust instead of the image's own; the JVM keeps its own. They are public, so they
    are not a secret."""

    http_proxy: Url | None = None
    """Proxy for http and https; none by default."""

    no_proxy: Annotated[tuple[ObjectName, ...], Field(strict=False)] = ()
    """Names and networks that Pods reach without the proxy, in addition to the cluster's own."""

    pip_index: Url | None = None
    """Mirror of the Python package index for notebooks."""

    maven_mirror: Url | None = None
    """Mirror of Maven repositories for notebooks (spark.jars.repositories)."""

    egress: Annotated[tuple[Egress, ...], Field(strict=False)] = ()
    """Egress rules. None by default, so no data can leave the cluster."""

    def leads_out(self, who: str) -> bool:
        """Whether there is an egress rule for notebooks, server, gate, backup or alerts."""
        return any(who in rule.who for rule in self.egress)

    def problems(self) -> Iterator[Problem]:
        for key in ("http_proxy", "pip_index", "maven_mirror"):
            if getattr(self, key) and not self.leads_out("notebooks"):
                yield Problem(
                    (key,),
                    "cannot be reached: there is no egress rule for notebooks",
                    "an entry of outside.egress for its address",
                    (("egress",),),
                )
        names = [rule.name for rule in self.egress]
        for index, name in enumerate(names):
            if name in names[:index]:
                yield Problem(("egress", index, "name"), "is already the name of another egress rule", "a unique name")
