"""Settings of container images and of what Pods need to reach the world: registry, certificates, proxy, mirrors."""

import re
from collections.abc import Iterator
from ipaddress import IPv4Network
from typing import Annotated, Literal

from pydantic import Field

from settings.values.network import METADATA
from settings.values.vocabulary import ConfigKey, Image, Name, ObjectName, Problem, Settings, Url

Version = Annotated[str, Field(pattern=r"^\d+(\.\d+){0,2}$")]


class Versions(Settings):
    """What is inside the images. Zeppelin takes some combinations only, so a stack states them."""

    zeppelin: Version = "0.12.1"
    """Zeppelin of `images.zeppelin`."""

    spark: Version = "3.5.8"
    """Spark of `images.spark`."""

    scala: Version = "2.12"
    """Scala of `images.spark`."""

    java: Annotated[int, Field(ge=8, le=30)] = 17
    """Java of `images.spark`: that of drivers, executors and other interpreters."""

    python: Version = "3.10"
    """Python of `images.spark`."""


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
"""Zeppelin's minor version to Spark's to what goes with both. Source: SparkVersion.java and
.github/workflows/core.yml of each tag (https://github.com/apache/zeppelin/tags); Python: PySpark's own range."""

_TAGS = {
    "zeppelin": ("zeppelin", r"zeppelin:v?(\d+\.\d+\.\d+)"),
    "spark": ("spark", r"spark[\w-]*:v?(\d+\.\d+\.\d+)"),
    "scala": ("spark", r"-scala(\d+\.\d+)"),
    "java": ("spark", r"-java(\d+)"),
}
"""Version to the image whose tag tells it, and how."""


class ImageSettings(Settings):
    """Which images run. Each by fixed tag or digest; `latest` is refused."""

    zeppelin: Image = "docker.io/apache/zeppelin:0.12.1"
    """Zeppelin: the server, and what an initContainer copies into each interpreter."""

    spark: Image = "docker.io/apache/spark:3.5.8-scala2.12-java17-python3-ubuntu"
    """Spark: drivers, executors and other interpreters run this one image."""

    gateway: Image = (
        "docker.io/nginxinc/nginx-unprivileged:1.29-alpine@sha256:0c79d56aee561a1d81c63f00eee5fb5fe29279560cdc55e91425133104c7fbe6"
    )
    """The unprivileged nginx in front of Zeppelin."""

    gate: Image = "quay.io/oauth2-proxy/oauth2-proxy:v7.15.4"
    """oauth2-proxy, where the entry has a gate."""

    versions: Versions = Versions()
    """What is inside the images."""

    ceph_csi: Image = "quay.io/cephcsi/cephcsi:v3.16.2"
    """CephCSI node plug-in."""

    manila_csi: Image = "registry.k8s.io/provider-os/manila-csi-plugin:v1.36.0"
    """Manila CSI node plug-in, where a dataset wants it."""

    restic: Image = "docker.io/restic/restic:0.18.1"
    """restic, where notebooks are backed up."""

    csi_registrar: Image = "registry.k8s.io/sig-storage/csi-node-driver-registrar:v2.16.0"
    """The sidecar that registers the node plug-in with the kubelet."""

    registry_prefix: (
        Annotated[str, Field(pattern=r"^[a-z0-9.-]+(:\d+)?(/[a-z0-9._-]+)*$", examples=["registry.example.org/mirror"])] | None
    ) = None
    """Registry that mirrors all images: it stands before each image's own registry and path."""

    pull_secret: ConfigKey | None = None
    """Name of the config key that holds a docker config.json for the registry: pulumi config set --secret gaia-dmp:<this name>."""

    def problems(self) -> Iterator[Problem]:
        versions = self.versions
        for key, (image, pattern) in _TAGS.items():
            found = re.search(pattern, getattr(self, image))
            if found and found[1] != str(getattr(versions, key)):
                yield Problem(("versions", key), f"is not what the tag of images.{image} says, {found[1]}", found[1], ((image,),))
        zeppelin, spark = _minor(versions.zeppelin), _minor(versions.spark)
        if zeppelin not in _SUPPORTED:
            yield Problem(("versions", "zeppelin"), "is not known to work here", ", ".join(f"{known}.x" for known in _SUPPORTED))
            return
        if spark not in _SUPPORTED[zeppelin]:
            accepted = ", ".join(f"{known}.x" for known in _SUPPORTED[zeppelin])
            yield Problem(("versions", "spark"), f"is refused by Zeppelin {versions.zeppelin}", accepted, (("versions", "zeppelin"),))
            return
        for key, accepted in _SUPPORTED[zeppelin][spark].items():
            value = str(getattr(versions, key))
            if (value if key == "java" else _minor(value)) not in accepted:
                yield Problem(
                    ("versions", key),
                    f"does not go with Zeppelin {versions.zeppelin} and Spark {versions.spark}",
                    ", ".join(accepted),
                    (("versions", "zeppelin"), ("versions", "spark")),
                )


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


class Egress(Settings):
    """A way out. Everything else is closed; the cloud's metadata address is closed whatever is said here, and so are the networks of Pods
    and Services within a wider `cidr`, where the stack knows them.
    """

    name: Annotated[Name, Field(examples=["packages"], max_length=30)]
    """Name of the way, unique in the stack."""

    cidr: Annotated[IPv4Network, Field(examples=["0.0.0.0/0"])]
    """Where it leads, as an IPv4 network."""

    ports: Annotated[tuple[Annotated[int, Field(ge=1, le=65535)], ...], Field(strict=False, min_length=1, examples=[[443]])]
    """TCP ports."""

    who: Annotated[tuple[Literal["notebooks", "server", "gate", "backup", "alerts"], ...], Field(strict=False, min_length=1)] = (
        "notebooks",
    )
    """Who may go: notebooks (interpreters and executors), server (Zeppelin: LDAP, git), gate (oauth2-proxy), backup (of notebooks, to a
    bucket), alerts (Alertmanager, to a chat)."""

    def problems(self) -> Iterator[Problem]:
        if self.cidr == METADATA:
            # Of a wider network it is excepted; there is nothing else in this one.
            yield Problem(("cidr",), "must not be the cloud's metadata address: it tells a node's own secrets", "another network")


class OutsideSettings(Settings):
    """How Pods reach the world outside the cluster."""

    ca_bundle: str | None = None
    """PEM certificates that Python, pip and curl in Pods trust in place of the image's own; the JVM keeps its own. Public, so it stands
    here in clear."""

    http_proxy: Url | None = None
    """Proxy for http and https; none by default."""

    no_proxy: Annotated[tuple[ObjectName, ...], Field(strict=False)] = ()
    """Names and networks that the proxy is not asked for, beside the cluster's own."""

    pip_index: Url | None = None
    """Mirror of the Python package index for notebooks."""

    maven_mirror: Url | None = None
    """Mirror of Maven repositories for notebooks (spark.jars.repositories)."""

    egress: Annotated[tuple[Egress, ...], Field(strict=False)] = ()
    """Ways out of the cluster; none by default, so that data can leave by none."""

    def leads_out(self, who: str) -> bool:
        """Whether any way is open for notebooks, server, gate, backup or alerts."""
        return any(who in way.who for way in self.egress)

    def problems(self) -> Iterator[Problem]:
        for key in ("http_proxy", "pip_index", "maven_mirror"):
            if getattr(self, key) and not self.leads_out("notebooks"):
                yield Problem(
                    (key,), "cannot be reached: no way out is open for notebooks", "an entry of egress that leads there", (("egress",),)
                )
        names = [way.name for way in self.egress]
        for index, name in enumerate(names):
            if name in names[:index]:
                yield Problem(("egress", index, "name"), "is taken by another way", "a name of its own")
