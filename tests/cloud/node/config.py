"""How the programs of a node are configured. What is unusual here is so because the node shares a kernel with a machine."""

import json
from collections.abc import Mapping
from pathlib import Path

from tests.cloud.node.machine import PLUGINS
from tests.cloud.tools import program

SERVICES, PODS, DNS = "10.254.0.0/16", "10.100.0.0/16", "10.254.0.10"
PAUSE = "localhost/gaia-dmp/pause:tests"


def subnet(number: int) -> str:
    """Addresses of the Pods of a node."""
    return f"10.100.{number}.0/24"


def address(number: int) -> str:
    """Address of a node."""
    return f"10.10.0.{10 + number}"


def write(folder: Path, name: str, number: int) -> None:
    """Every configuration file of a node, into its folder, which has the CA and the kubeconfigs already."""
    (folder / "containerd.toml").write_text(_containerd(folder))
    (folder / "cni").mkdir()
    (folder / "cni" / "10-bridge.conflist").write_text(json.dumps(_network(number)))
    (folder / "resolv.conf").touch()  # what a Pod inherits of this machine's DNS: nothing
    (folder / "kubelet.json").write_text(json.dumps(_kubelet(folder)))
    (folder / "kube-proxy.json").write_text(json.dumps(_proxy(folder, name)))


def services(folder: Path, name: str, number: int, labels: Mapping[str, str]) -> dict[str, list[str]]:
    """Commands by name, as the node's first process runs them."""
    return {
        "containerd": ["containerd", f"--config={folder}/containerd.toml"],
        "kubelet": [
            f"{folder}/bin/kubelet",
            f"--config={folder}/kubelet.json",
            f"--kubeconfig={folder}/kubelet.kubeconfig",
            f"--hostname-override={name}",
            f"--node-ip={address(number)}",
            f"--node-labels={','.join(f'{key}={value}' for key, value in labels.items())}",
        ],
        "kube-proxy": [str(program("kube-proxy")), f"--config={folder}/kube-proxy.json"],
        "kube-router": [
            str(program("kube-router")),
            f"--kubeconfig={folder}/kube-router.kubeconfig",
            f"--hostname-override={name}",
            f"--service-cluster-ip-range={SERVICES}",
        ],
    }


def _containerd(folder: Path) -> str:
    # Without CAP_SYS_RESOURCE nobody may lower a score: a sandbox would fail.
    return f"""version = 2
oom_score = 0
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{PLUGINS}"
    conf_dir = "{folder}/cni"
"""


def _network(number: int) -> dict[str, object]:
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "hairpinMode": True,
        "ipam": {"type": "host-local", "ranges": [[{"subnet": subnet(number)}]], "routes": [{"dst": "0.0.0.0/0"}]},
    }
    return {"cniVersion": "1.0.0", "name": "pods", "plugins": [bridge, {"type": "portmap", "capabilities": {"portMappings": True}}]}


def _kubelet(folder: Path) -> dict[str, object]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": f"{folder}/ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
        "cgroupDriver": "cgroupfs",
        "failCgroupV1": False,
        "failSwapOn": False,
        "oomScoreAdj": 0,
        "clusterDNS": [DNS],
        "clusterDomain": "cluster.local",
        "resolvConf": f"{folder}/resolv.conf",
        "volumePluginDir": "/var/lib/kubelet/volumeplugins",
        # A disk that is rather full is no matter here, and an image that was collected could not be had again.
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%", "nodefs.inodesFree": "1%"},
        "imageGCHighThresholdPercent": 100,
        # Tests of full volumes need not wait a minute.
        "volumeStatsAggPeriod": "5s",
        "nodeStatusUpdateFrequency": "5s",
        "syncFrequency": "10s",
    }


def _proxy(folder: Path, name: str) -> dict[str, object]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": f"{folder}/kube-proxy.kubeconfig"},
        "hostnameOverride": name,
        "mode": "nftables",
        "clusterCIDR": PODS,
        # These limits are the whole machine's.
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    }
