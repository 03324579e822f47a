"""The gateway in front of Zeppelin, behind a load balancer or an Ingress."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
from pulumi_kubernetes.apps import v1 as apps
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta import v1 as meta
from pulumi_kubernetes.networking import v1 as networking

from components.access.certificate import Certificate, make_certificate
from components.files import text
from components.kubernetes.namespace import NamespaceRef
from components.kubernetes.pod import (
    config_volume,
    disruption_budget,
    http_probe,
    mount,
    restricted_container,
    restricted_pod,
    scratch_volume,
    secret_volume,
)
from components.names import (
    CONNECT_PORT,
    GATEWAY,
    GATEWAY_HTTP_PORT,
    GATEWAY_HTTPS_PORT,
    GATEWAY_LABELS,
    HISTORY_PORT,
    MODELS,
    MODELS_PORT,
    MONITORING_NAMESPACE,
    NOT_AWAITED,
    SPARK_NAMESPACE,
    UI_PORT,
    ZEPPELIN_NAMESPACE,
)
from settings.values.entry import IngressEntry, NoEntry

_UID = 101
# The cluster's resolver is known inside a Pod alone: the names of Spark UIs come and go, so nginx must ask for each. It asks for the
# server's name once, at its start, and ends if nobody answers, as before the rules of a new Pod's network stand. So it waits. A question
# without an answer takes twenty seconds, so the liveness probe would end it; the startup probe grants five minutes.
_START = """
awk '$1 == "nameserver" { print "resolver " $2 " valid=10s ipv6=off;"; exit }' /etc/resolv.conf > /tmp/resolver.conf
trap 'exit 0' TERM
until nginx -q -t; do
  sleep 1 & wait $!
done
exec nginx -g 'daemon off;'
"""


@dataclass(frozen=True, kw_only=True)
class LoadBalancer:
    """A Service of type LoadBalancer."""

    address: pulumi.Input[str | None] = None
    """Floating IP of ours, or None."""

    annotations: Mapping[str, str] = field(default_factory=dict)
    """What the cloud wants to be told."""

    allowed_cidrs: Sequence[str] = ()
    """Networks that may come; everybody where empty."""


@dataclass(frozen=True, kw_only=True)
class GatewayArgs:
    """What the gateway needs."""

    namespace: NamespaceRef
    """That of Zeppelin."""

    url: str
    """Address that browsers come by."""

    hostname: str | None = None
    """Public name, or None."""

    image: str
    """Unprivileged nginx with njs."""

    exposure: LoadBalancer | IngressEntry | NoEntry
    """What brings browsers to it. Without an entry, `kubectl port-forward` to the Service `gateway` does, without TLS."""

    tls: Certificate | None = None
    """Where the certificate comes from, or None."""

    spark_settings: Sequence[str]
    """Interpreter settings of Spark, to whose UIs the gateway leads."""

    history: bool = False
    """Whether it leads to the history server."""

    monitoring: bool = False
    """Whether it leads to Grafana."""

    connect: bool = False
    """Whether it leads clients of Spark Connect to drivers."""

    models: bool = False
    """Whether it leads to the server of models."""

    oidc_proxy: bool = False
    """Whether it asks the OIDC proxy about every request."""

    priority: str | None = None
    """PriorityClass."""


class Gateway(pulumi.ComponentResource):
    """An unprivileged nginx gateway and what brings browsers to it.

    Creates: ConfigMap, Deployment of two Pods and its PodDisruptionBudget, Service; the certificate as Secret (given or self-signed)
    or as Certificate of cert-manager; an Ingress where the stack asks for one. The gateway lets the interface and the login through and
    nothing else: `/metrics`, `/ping` and `/health` of Zeppelin ask for no login. By `/spark-ui/<Pod>` it leads a person to the Spark
    UI of their own notebooks, and by the header `x-driver` a client of Spark Connect to a driver, which itself knows its person. A load
    balancer is not `deleted_with` the namespace: it goes while the cluster lives, and our floating IP stays.
    """

    def __init__(self, name: str, args: GatewayArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gaia-dmp:kubernetes:Entry", name, {}, opts)
        self._namespace = args.namespace.title
        self._inside = pulumi.ResourceOptions(parent=self, deleted_with=args.namespace.resource)
        balanced = isinstance(args.exposure, LoadBalancer)
        certificate, ready = make_certificate(name, args.tls, args.hostname or "", args.namespace, self)
        config = core.ConfigMap(
            f"{name}-config",
            metadata=meta.ObjectMetaArgs(namespace=self._namespace),
            data={
                "default.conf": text("access/files/gateway-tls.conf" if balanced else "access/files/gateway-plain.conf"),
                "nginx.conf.main": text("access/files/gateway-nginx.conf"),
                "spark-ui.js": text("access/files/gateway-spark-ui.js"),
            }
            | _locations(args),
            opts=self._inside,
        )
        apps.Deployment(
            f"{name}-gateway",
            metadata=meta.ObjectMetaArgs(name=GATEWAY, namespace=self._namespace, labels=GATEWAY_LABELS),
            spec=apps.DeploymentSpecArgs(
                replicas=2,
                selector=meta.LabelSelectorArgs(match_labels=GATEWAY_LABELS),
                template=core.PodTemplateSpecArgs(
                    metadata=meta.ObjectMetaArgs(labels=GATEWAY_LABELS),
                    spec=_pod(args, config.metadata["name"], certificate if balanced else None),
                ),
            ),
            opts=pulumi.ResourceOptions(parent=self, deleted_with=args.namespace.resource, depends_on=ready),
        )
        disruption_budget(name, GATEWAY, args.namespace, GATEWAY_LABELS, self)
        match args.exposure:
            case LoadBalancer() as exposure:
                self._load_balancer(name, exposure)
            case IngressEntry(class_name=class_name):
                self._ingress(name, args.hostname or "", class_name, certificate)
            case NoEntry():
                self._service(name, GATEWAY_HTTP_PORT)
        self.register_outputs({"url": args.url})

    def _load_balancer(self, name: str, args: LoadBalancer) -> None:
        core.Service(
            f"{name}-service",
            metadata=meta.ObjectMetaArgs(
                name=GATEWAY,
                namespace=self._namespace,
                labels=GATEWAY_LABELS,
                annotations=dict(args.annotations) or None,
            ),
            spec=core.ServiceSpecArgs(
                type="LoadBalancer",
                selector=GATEWAY_LABELS,
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
            metadata=meta.ObjectMetaArgs(name=GATEWAY, namespace=self._namespace, labels=GATEWAY_LABELS, annotations=dict(NOT_AWAITED)),
            spec=core.ServiceSpecArgs(selector=GATEWAY_LABELS, ports=[core.ServicePortArgs(name="http", port=port, target_port="http")]),
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
                name=GATEWAY,
                namespace=self._namespace,
                # Whether an Ingress gets an address is the business of the cluster's controller, which is not ours.
                annotations=dict(NOT_AWAITED),
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


CONNECT_PAGE = ("connect.html", "connect.js", "connect.css")
"""The page for Spark Connect, which the gateway serves itself."""


def _locations(args: GatewayArgs) -> dict[str, str]:
    """Nginx's files of what it leads to, and the page that it serves."""
    known = {
        "spark_settings": " ".join(args.spark_settings),
        "drivers": "|".join(args.spark_settings),
        "spark_domain": f"{SPARK_NAMESPACE}.svc.cluster.local:{UI_PORT}",
        "connect_domain": f"{SPARK_NAMESPACE}.svc.cluster.local:{CONNECT_PORT}",
        # Without TLS, a client of Spark Connect begins with HTTP/2; with TLS the server has that switched on already.
        "http2": "" if isinstance(args.exposure, LoadBalancer) else "http2 on;",
        "history_domain": f"{SPARK_NAMESPACE}.svc.cluster.local:{HISTORY_PORT}",
        "models_address": f"{MODELS}.{ZEPPELIN_NAMESPACE}.svc.cluster.local:{MODELS_PORT}",
        "gate": "/oauth2/auth" if args.oidc_proxy else "",
        "monitoring_domain": f"{MONITORING_NAMESPACE}.svc.cluster.local",
    }
    files = {"locations.inc": "gateway-locations.conf"}
    if args.oidc_proxy:
        files["gate.inc"] = "gateway-gate.conf"
    if args.connect:
        files["way-connect.inc"] = "gateway-connect.conf"
        files |= {name: name for name in CONNECT_PAGE}
    if args.history:
        files["way-history.inc"] = "gateway-history.conf"
    if args.models:
        files["way-models.inc"] = "gateway-models.conf"
    if args.monitoring:
        files["way-grafana.inc"] = "gateway-grafana.conf"
    result = {}
    for file, source in files.items():
        result[file] = text(f"access/files/{source}")
        for key, value in known.items():
            result[file] = result[file].replace(f"@{key}@", value)
    return result


def _pod(args: GatewayArgs, config: pulumi.Input[str], certificate: pulumi.Input[str] | None) -> core.PodSpecArgs:
    """The gateway's Pod: restricted, read-only but for /tmp, where this nginx keeps its caches."""
    mounts = [
        mount("config", "/etc/nginx/conf.d", read_only=True),
        mount("config", "/etc/nginx/nginx.conf", file="nginx.conf.main", read_only=True),
        mount("tmp", "/tmp"),  # noqa: S108 - path inside the container
    ]
    volumes = [config_volume("config", config), scratch_volume("tmp", "1Gi")]
    ports = [core.ContainerPortArgs(name="http", container_port=GATEWAY_HTTP_PORT)]
    if certificate is not None:
        mounts.append(mount("tls", "/etc/nginx/tls", read_only=True))
        volumes.append(secret_volume("tls", certificate))
        ports.append(core.ContainerPortArgs(name="https", container_port=GATEWAY_HTTPS_PORT))
    alive = http_probe("/gateway-alive", "http", period=10, timeout=3)
    container = restricted_container(
        "nginx",
        args.image,
        requests={"cpu": "20m", "memory": "32Mi", "ephemeral-storage": "64Mi"},
        limits={"cpu": "1", "memory": "256Mi", "ephemeral-storage": "2Gi"},
        command=["sh", "-ec", _START],
        ports=ports,
        startup_probe=http_probe("/gateway-alive", "http", period=2, timeout=3, failures=150),
        readiness_probe=alive,
        liveness_probe=alive,
        volume_mounts=mounts,
    )
    return restricted_pod(args.namespace, uid=_UID, containers=[container], volumes=volumes, priority_class_name=args.priority)
