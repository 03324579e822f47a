"""CoreDNS as a cluster has it: a Deployment with a Service in kube-system."""

from tests.cloud.api import Object
from tests.cloud.node import config
from tests.cloud.node.node import DNS_IMAGE

_PLACE = {"name": "coredns", "namespace": "kube-system"}
_LABELS = {"k8s-app": "kube-dns", "gaia-dmp-tests/dns": "real"}  # by the first alone tests may play its part in network policies
_COREFILE = """.:53 {
    errors
    health
    ready
    kubernetes cluster.local in-addr.arpa
    cache 5
    reload
}
"""


def objects() -> list[Object]:
    """Everything of it, in an order that a server takes."""
    role = "system:coredns-tests"
    account = {"kind": "ServiceAccount", **_PLACE}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _PLACE},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": role},
            "rules": [
                {"apiGroups": [""], "resources": ["services", "namespaces", "pods", "endpoints"], "verbs": ["list", "watch"]},
                {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
            ],
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": role},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [account],
        },
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": _PLACE, "data": {"Corefile": _COREFILE}},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "kube-dns", "namespace": "kube-system"},
            "spec": {
                "clusterIP": config.DNS,
                "selector": _LABELS,
                "ports": [{"name": f"dns-{kind.lower()}", "port": 53, "protocol": kind} for kind in ("UDP", "TCP")],
            },
        },
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": _PLACE,
            "spec": {"selector": {"matchLabels": _LABELS}, "template": {"metadata": {"labels": _LABELS}, "spec": _pod()}},
        },
    ]


def _pod() -> Object:
    return {
        "serviceAccountName": "coredns",
        "dnsPolicy": "Default",
        "tolerations": [{"operator": "Exists"}],
        "terminationGracePeriodSeconds": 1,
        "containers": [
            {
                "name": "coredns",
                "image": DNS_IMAGE,
                "args": ["-conf", "/etc/coredns/Corefile"],
                "readinessProbe": {"httpGet": {"path": "/ready", "port": 8181}, "periodSeconds": 1},
                "volumeMounts": [{"name": "config", "mountPath": "/etc/coredns"}],
            }
        ],
        "volumes": [{"name": "config", "configMap": {"name": "coredns"}}],
    }
