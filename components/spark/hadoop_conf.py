"""Hadoop's configuration for Spark drivers: endpoint and key of every bucket, in a Secret that drivers alone mount."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

import pulumi
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta import v1 as meta

from components.kubernetes.namespace import NamespaceRef

SECRET = "hadoop-conf"  # noqa: S105 - the name of a Secret


@dataclass(frozen=True, kw_only=True)
class BucketAccess:
    """How one bucket is reached."""

    bucket: str
    """Its name."""

    endpoint: str
    """Address of the S3 server."""

    region: str
    """Region that requests are signed for."""

    access_key: pulumi.Input[str] | None = None
    """S3 access key (secret); None where the bucket is read anonymously."""

    secret_key: pulumi.Input[str] | None = None
    """S3 secret key (secret)."""


@dataclass(frozen=True, kw_only=True)
class HadoopConfArgs:
    """What the configuration needs."""

    namespace: NamespaceRef
    """Where notebooks compute."""

    buckets: Sequence[BucketAccess]
    """All buckets that notebooks reach."""


class HadoopConf(pulumi.ComponentResource):
    """The Secret with `core-site.xml`.

    Creates: Secret. A file, and not variables of the environment, because each bucket may have a key of its own; in the driver alone,
    because Spark hands its Hadoop configuration to executors by itself, over its own encrypted connections. SparkAdmission lets no other
    Pod mount it. Spark's UI and event log mask the keys (`spark.redaction.regex`).
    """

    secret_name: str
    """Name of the Secret."""

    def __init__(self, name: str, args: HadoopConfArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gaia-dmp:kubernetes:HadoopConf", name, {}, opts)
        self.secret_name = SECRET
        keys = pulumi.Output.all(*((bucket.access_key or "", bucket.secret_key or "") for bucket in args.buckets))
        text = keys.apply(
            lambda found: configuration_xml(
                {
                    key: value
                    for bucket, (access, secret) in zip(args.buckets, found, strict=True)
                    for key, value in s3a_properties(bucket, access, secret).items()
                }
            )
        )
        core.Secret(
            f"{name}-secret",
            metadata=meta.ObjectMetaArgs(name=SECRET, namespace=args.namespace.title),
            string_data={"core-site.xml": pulumi.Output.secret(text)},
            opts=pulumi.ResourceOptions(parent=self, deleted_with=args.namespace.resource),
        )
        self.register_outputs({"secret_name": self.secret_name})


def s3a_properties(bucket: BucketAccess, access_key: str, secret_key: str) -> dict[str, str]:
    """Hadoop's settings for one bucket (hadoop-aws: core-default.xml, "per bucket configuration")."""
    provider = "org.apache.hadoop.fs.s3a.SimpleAWSCredentialsProvider"
    settings = {
        "endpoint": bucket.endpoint,
        "endpoint.region": bucket.region,
        "connection.ssl.enabled": str(bucket.endpoint.startswith("https:")).lower(),
        "path.style.access": "true",
        "aws.credentials.provider": provider if access_key else "org.apache.hadoop.fs.s3a.AnonymousAWSCredentialsProvider",
    }
    if access_key:
        settings |= {"access.key": access_key, "secret.key": secret_key}
    return {f"fs.s3a.bucket.{bucket.bucket}.{key}": value for key, value in settings.items()}


def configuration_xml(properties: Mapping[str, str]) -> str:
    """One of Hadoop's files, such as `core-site.xml`, with these properties."""
    lines = [f"  <property><name>{escape(key)}</name><value>{escape(value)}</value></property>" for key, value in properties.items()]
    return "\n".join(['<?xml version="1.0"?>', "<configuration>", *lines, "</configuration>", ""])
