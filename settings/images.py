"""Settings of container images and of what Pods need to reach the world: registry, certificates, proxy, mirrors."""

from typing import Annotated

from pydantic import Field

from settings.vocabulary import ConfigKey, Image, ObjectName, Settings, Url


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

    ceph_csi: Image = "quay.io/cephcsi/cephcsi:v3.16.2"
    """CephCSI node plug-in."""

    csi_registrar: Image = "registry.k8s.io/sig-storage/csi-node-driver-registrar:v2.16.0"
    """The sidecar that registers the node plug-in with the kubelet."""

    registry_prefix: (
        Annotated[str, Field(pattern=r"^[a-z0-9.-]+(:\d+)?(/[a-z0-9._-]+)*$", examples=["registry.example.org/mirror"])] | None
    ) = None
    """Registry that mirrors all images: it stands before each image's own registry and path."""

    pull_secret: ConfigKey | None = None
    """Name of the config key that holds a docker config.json for the registry: pulumi config set --secret gaia-dmp:<this name>."""


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
