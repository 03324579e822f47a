"""The way in: a gateway in front of Zeppelin, behind a load balancer or an Ingress."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_tls as tls
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.apps import v1 as apps
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta import v1 as meta
from pulumi_kubernetes.networking import v1 as networking

from components.files import text
from components.kubernetes.namespace import pull_secrets, restricted_container, restricted_pod

LABELS = {"app.kubernetes.io/name": "zeppelin", "app.kubernetes.io/component": "gateway"}
HTTP_PORT, HTTPS_PORT = 8080, 8443
_UID = 101
# The cluster's resolver is known inside a Pod alone: the names of Spark UIs come and go, so nginx must ask for each.
_START = """
awk '$1 == "nameserver" { print "resolver " $2 " valid=10s ipv6=off;"; exit }' /etc/resolv.conf > /tmp/resolver.conf
exec nginx -g 'daemon off;'
"""


@dataclass(frozen=True, kw_only=True)
class SecretTlsArgs:
    """A certificate that exists. certificate: PEM chain (secret). key: PEM private key (secret)."""

    certificate: pulumi.Input[str]
    key: pulumi.Input[str]


@dataclass(frozen=True, kw_only=True)
class CertManagerTlsArgs:
    """A certificate from cert-manager, which the cluster has. issuer, issuer_kind: an issuer that exists."""

    issuer: str
    issuer_kind: str


@dataclass(frozen=True, kw_only=True)
class SelfSignedTlsArgs:
    """A certificate that the stack signs itself. valid_days: its life time, in days."""

    valid_days: int


@dataclass(frozen=True, kw_only=True)
class LoadBalancerArgs:
    """A Service of type LoadBalancer. address: floating IP of ours, or None. allowed_cidrs: who may come; everybody where empty.
    annotations: what the cloud wants to be told.
    """

    address: pulumi.Input[str | None] = None
    annotations: Mapping[str, str] = field(default_factory=dict)
    allowed_cidrs: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class IngressArgs:
    """An Ingress of a class that exists, by its name."""

    class_name: str


@dataclass(frozen=True, kw_only=True)
class PortForwardArgs:
    """No public address: `kubectl port-forward` to the Service `gateway`, without TLS."""


@dataclass(frozen=True, kw_only=True)
class EntryArgs:
    """What the entry needs.

    namespace: of Zeppelin, a Namespace resource. url: address that browsers come by. hostname: public name, or None.
    image: unprivileged nginx with njs. exposure: load balancer, Ingress or neither. tls: where the certificate comes from, or None.
    spark_settings: names of the Spark settings whose UI the gateway leads to. spark_domain: `<namespace>.svc.<domain>:<port>` of their
    Pods. history_domain, monitoring_domain: the same of the history server and of Grafana, or None. gate: whether oauth2-proxy stands in
    front. pull_secret: name of the namespace's pull secret, or None. priority: PriorityClass.
    """

    namespace: core.Namespace
    url: str
    hostname: str | None = None
    image: str
    exposure: LoadBalancerArgs | IngressArgs | PortForwardArgs
    tls: SecretTlsArgs | CertManagerTlsArgs | SelfSignedTlsArgs | None = None
    spark_settings: Sequence[str]
    spark_domain: str
    history_domain: str | None = None
    monitoring_domain: str | None = None
    gate: bool = False
    pull_secret: str | None = None
    priority: str | None = None


class Entry(pulumi.ComponentResource):
    """An unprivileged nginx gateway and what brings browsers to it.

    Creates: ConfigMap, Deployment, Service; the certificate as Secret (given or self-signed) or as Certificate of cert-manager; an
    Ingress where that is wanted. The gateway lets the interface and the login through and nothing else: `/metrics`, `/ping` and
    `/health` of Zeppelin ask for no login. By `/spark-ui/<Pod>` it leads a person to the Spark UI of their own notebooks. A load balancer
    is not `deleted_with` the namespace: it goes while the cluster lives, and our floating IP stays.
    """

    url: pulumi.Output[str]
    """Address of the platform."""

    def __init__(self, name: str, args: EntryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gaia-dmp:kubernetes:Entry", name, {}, opts)
        self._namespace = args.namespace.metadata["name"]
        self._inside = pulumi.ResourceOptions(parent=self, deleted_with=args.namespace)
        balanced = isinstance(args.exposure, LoadBalancerArgs)
        certificate, ready = self._certificate(name, args)
        locations = text("access/files/gateway-locations.conf")
        history = text("access/files/gateway-history.conf") if args.history_domain else ""
        grafana = text("access/files/gateway-grafana.conf") if args.monitoring_domain else ""
        known = {
            "spark_settings": " ".join(args.spark_settings),
            "spark_domain": args.spark_domain,
            "history_domain": args.history_domain or "",
            "monitoring_domain": args.monitoring_domain or "",
        }
        for key, value in known.items():
            locations, history, grafana = (text.replace(f"@{key}@", value) for text in (locations, history, grafana))
        config = core.ConfigMap(
            f"{name}-config",
            metadata=meta.ObjectMetaArgs(namespace=self._namespace),
            data={
                "default.conf": text("access/files/gateway-tls.conf" if balanced else "access/files/gateway-plain.conf"),
                "locations.inc": locations,
                "nginx.conf.main": text("access/files/gateway-nginx.conf"),
                "spark-ui.js": text("access/files/gateway-spark-ui.js"),
            }
            | ({"gate.inc": text("access/files/gateway-gate.conf")} if args.gate else {})
            | ({"way-history.inc": history} if history else {})
            | ({"way-grafana.inc": grafana} if grafana else {}),
            opts=self._inside,
        )
        apps.Deployment(
            f"{name}-gateway",
            metadata=meta.ObjectMetaArgs(name="gateway", namespace=self._namespace, labels=LABELS),
            spec=apps.DeploymentSpecArgs(
                replicas=2,
                selector=meta.LabelSelectorArgs(match_labels=LABELS),
                template=core.PodTemplateSpecArgs(
                    metadata=meta.ObjectMetaArgs(labels=LABELS),
                    spec=_pod(args, config.metadata["name"], certificate if balanced else None),
                ),
            ),
            opts=pulumi.ResourceOptions(parent=self, deleted_with=args.namespace, depends_on=ready),
        )
        match args.exposure:
            case LoadBalancerArgs() as exposure:
                self._load_balancer(name, exposure)
            case IngressArgs(class_name=class_name):
                self._ingress(name, args.hostname or "", class_name, certificate)
            case PortForwardArgs():
                self._service(name, HTTP_PORT)
        self.url = pulumi.Output.from_input(args.url)
        self.register_outputs({"url": self.url})

    def _certificate(self, name: str, args: EntryArgs) -> tuple[pulumi.Input[str], list[pulumi.Resource]]:
        """Name of the Secret with the certificate, and what must be there before it."""
        hostname = args.hostname or ""
        match args.tls:
            case None:
                return "", []
            case SecretTlsArgs(certificate=certificate, key=key):
                secret = self._tls_secret(name, certificate, key)
                return secret.metadata["name"], []
            case SelfSignedTlsArgs(valid_days=days):
                child = pulumi.ResourceOptions(parent=self)
                key = tls.PrivateKey(f"{name}-key", algorithm="ECDSA", ecdsa_curve="P256", opts=child)
                signed = tls.SelfSignedCert(
                    f"{name}-certificate",
                    private_key_pem=key.private_key_pem,
                    subject=tls.SelfSignedCertSubjectArgs(common_name=hostname),
                    dns_names=[hostname],
                    validity_period_hours=days * 24,
                    early_renewal_hours=min(30, days // 2 + 1) * 24,
                    allowed_uses=["digital_signature", "key_encipherment", "server_auth"],
                    opts=child,
                )
                secret = self._tls_secret(name, signed.cert_pem, key.private_key_pem)
                return secret.metadata["name"], []
            case CertManagerTlsArgs(issuer=issuer, issuer_kind=issuer_kind):
                title = "gateway-certificate"
                certificate = CustomResource(
                    f"{name}-certificate",
                    api_version="cert-manager.io/v1",
                    kind="Certificate",
                    metadata=meta.ObjectMetaArgs(name=title, namespace=self._namespace),
                    spec={"secretName": title, "dnsNames": [hostname], "issuerRef": {"name": issuer, "kind": issuer_kind}},
                    opts=self._inside,
                )
                return title, [certificate]
        raise TypeError(f"{name}: tls is neither secret nor cert_manager nor self_signed")

    def _tls_secret(self, name: str, certificate: pulumi.Input[str], key: pulumi.Input[str]) -> core.Secret:
        return core.Secret(
            f"{name}-tls",
            metadata=meta.ObjectMetaArgs(namespace=self._namespace),
            type="kubernetes.io/tls",
            string_data={"tls.crt": pulumi.Output.secret(certificate), "tls.key": pulumi.Output.secret(key)},
            opts=self._inside,
        )

    def _load_balancer(self, name: str, args: LoadBalancerArgs) -> None:
        core.Service(
            f"{name}-service",
            metadata=meta.ObjectMetaArgs(
                name="gateway",
                namespace=self._namespace,
                labels=LABELS,
                annotations=dict(args.annotations) or None,
            ),
            spec=core.ServiceSpecArgs(
                type="LoadBalancer",
                selector=LABELS,
                load_balancer_ip=args.address,
                load_balancer_source_ranges=list(args.allowed_cidrs) or None,
                ports=[
                    core.ServicePortArgs(name="https", port=443, target_port="https"),
                    core.ServicePortArgs(name="http", port=80, target_port="http"),
                ],
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _service(self, name: str, port: int) -> core.Service:
        return core.Service(
            f"{name}-service",
            metadata=meta.ObjectMetaArgs(name="gateway", namespace=self._namespace, labels=LABELS),
            spec=core.ServiceSpecArgs(selector=LABELS, ports=[core.ServicePortArgs(name="http", port=port, target_port="http")]),
            opts=self._inside,
        )

    def _ingress(self, name: str, hostname: str, class_name: str, certificate: pulumi.Input[str]) -> None:
        service = self._service(name, 80)
        backend = networking.IngressBackendArgs(
            service=networking.IngressServiceBackendArgs(name=service.metadata["name"], port=networking.ServiceBackendPortArgs(name="http"))
        )
        networking.Ingress(
            f"{name}-ingress",
            metadata=meta.ObjectMetaArgs(
                name="gateway",
                namespace=self._namespace,
                # Whether an Ingress gets an address is the business of the cluster's controller, which is not ours.
                annotations={"pulumi.com/skipAwait": "true"},
            ),
            spec=networking.IngressSpecArgs(
                ingress_class_name=class_name,
                tls=[networking.IngressTLSArgs(hosts=[hostname], secret_name=certificate)],
                rules=[
                    networking.IngressRuleArgs(
                        host=hostname,
                        http=networking.HTTPIngressRuleValueArgs(
                            paths=[networking.HTTPIngressPathArgs(path="/", path_type="Prefix", backend=backend)]
                        ),
                    )
                ],
            ),
            # An Ingress of many controllers is a load balancer too, so it goes by itself, before the namespace.
            opts=pulumi.ResourceOptions(parent=self),
        )


def _pod(args: EntryArgs, config: pulumi.Input[str], certificate: pulumi.Input[str] | None) -> core.PodSpecArgs:
    """The gateway's Pod: restricted, read-only but for /tmp, where this nginx keeps its caches."""
    mounts = [
        core.VolumeMountArgs(name="config", mount_path="/etc/nginx/conf.d", read_only=True),
        core.VolumeMountArgs(name="config", mount_path="/etc/nginx/nginx.conf", sub_path="nginx.conf.main", read_only=True),
        core.VolumeMountArgs(name="tmp", mount_path="/tmp"),  # noqa: S108 - path inside the container
    ]
    volumes = [
        core.VolumeArgs(name="config", config_map=core.ConfigMapVolumeSourceArgs(name=config)),
        core.VolumeArgs(name="tmp", empty_dir=core.EmptyDirVolumeSourceArgs(size_limit="1Gi")),
    ]
    ports = [core.ContainerPortArgs(name="http", container_port=HTTP_PORT)]
    if certificate is not None:
        mounts.append(core.VolumeMountArgs(name="tls", mount_path="/etc/nginx/tls", read_only=True))
        volumes.append(core.VolumeArgs(name="tls", secret=core.SecretVolumeSourceArgs(secret_name=certificate)))
        ports.append(core.ContainerPortArgs(name="https", container_port=HTTPS_PORT))
    alive = core.ProbeArgs(http_get=core.HTTPGetActionArgs(path="/gateway-alive", port="http"), period_seconds=10, timeout_seconds=3)
    return core.PodSpecArgs(
        automount_service_account_token=False,
        enable_service_links=False,
        priority_class_name=args.priority,
        image_pull_secrets=pull_secrets(args.pull_secret),
        security_context=restricted_pod(_UID),
        containers=[
            core.ContainerArgs(
                name="nginx",
                image=args.image,
                command=["sh", "-ec", _START],
                ports=ports,
                readiness_probe=alive,
                liveness_probe=alive,
                security_context=restricted_container(),
                resources=core.ResourceRequirementsArgs(
                    requests={"cpu": "50m", "memory": "64Mi", "ephemeral-storage": "64Mi"},
                    limits={"cpu": "1", "memory": "256Mi", "ephemeral-storage": "2Gi"},
                ),
                volume_mounts=mounts,
            )
        ],
        volumes=volumes,
    )
