"""The CephCSI node plug-in: what mounts CephFS on every node, and nothing else of CephCSI."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi
from pulumi_kubernetes.apps import v1 as apps
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta import v1 as meta
from pulumi_kubernetes.rbac import v1 as rbac
from pulumi_kubernetes.storage import v1 as storage

from components.kubernetes.namespace import pull_secret, secured_namespace

DRIVER = "cephfs.csi.ceph.com"
_CONFIG = "ceph-csi-config"
_CEPH_CONF = "ceph-config"
METRICS_PORT = 8681
"""TCP port of the plug-in's liveness on each node's own address (ceph-csi: docs/metrics.md)."""

_PLUGIN_DIRECTORY = f"/var/lib/kubelet/plugins/{DRIVER}"


@dataclass(frozen=True, kw_only=True)
class CephCSIArgs:
    """What the plug-in needs.

    namespace: name of the namespace to make. image: CephCSI. registrar_image: csi-node-driver-registrar.
    monitors: host:port of the monitors of each Ceph cluster, by the clusterID that volumes name.
    install: False where the site's clusters come with CephCSI; only the namespace of the Ceph keys is made then.
    metrics: whether each node tells Prometheus if the plug-in answers. pull_secret: docker config.json (secret) for the registry, or None.
    """

    namespace: str
    image: str
    registrar_image: str
    monitors: Mapping[str, pulumi.Input[list[str]]] = field(default_factory=dict)
    install: bool = True
    metrics: bool = False
    pull_secret: pulumi.Input[str] | None = None


class CephCSI(pulumi.ComponentResource):
    """The namespace of the Ceph keys and, where the site has none, the CephFS node plug-in.

    Creates: Namespace (Pod Security `privileged`, because a CSI plug-in mounts for the whole node), ServiceAccount, ClusterRole to
    read its own kind of Node and nothing else, ConfigMaps, CSIDriver, DaemonSet. No provisioner: shares come from Manila. No right
    on Secrets: the kubelet hands the plug-in the one key that a mount needs.
    """

    namespace: core.Namespace
    """The namespace, which holds the Ceph keys, for whatever must live and die in it."""

    namespace_name: pulumi.Output[str]
    """Its name."""

    pull_secrets: list[core.LocalObjectReferenceArgs]
    """The `imagePullSecrets` of Pods in it."""

    def __init__(self, name: str, args: CephCSIArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gaia-dmp:kubernetes:CephCSI", name, {}, opts)
        # Where the plug-in is the site's, only the Job that prepares the notebooks' share runs here, as root.
        level = "privileged" if args.install else "baseline"
        self.namespace = secured_namespace(name, args.namespace, level, self)
        self.namespace_name = self.namespace.metadata["name"]
        self.pull_secrets = pull_secret(name, self.namespace, args.pull_secret, self)
        if args.install:
            self._install(name, args)
        self.register_outputs({"namespace": self.namespace, "namespace_name": self.namespace_name})

    def _install(self, name: str, args: CephCSIArgs) -> None:
        inside = pulumi.ResourceOptions(parent=self, deleted_with=self.namespace)
        namespace = self.namespace_name
        account = core.ServiceAccount(
            f"{name}-account",
            metadata=meta.ObjectMetaArgs(name="cephfs-node-plugin", namespace=namespace),
            automount_service_account_token=False,
            opts=inside,
        )
        # Started in a cluster, the plug-in reads the labels of its Node and ends at once where it may not
        # (ceph-csi: internal/cephfs/driver.go). That is the only call it makes.
        role = rbac.ClusterRole(
            f"{name}-node-reader",
            metadata=meta.ObjectMetaArgs(name=f"{args.namespace}-node-reader"),
            rules=[rbac.PolicyRuleArgs(api_groups=[""], resources=["nodes"], verbs=["get"])],
            opts=pulumi.ResourceOptions(parent=self),
        )
        binding = rbac.ClusterRoleBinding(
            f"{name}-node-reader-binding",
            metadata=meta.ObjectMetaArgs(name=f"{args.namespace}-node-reader"),
            role_ref=rbac.RoleRefArgs(api_group="rbac.authorization.k8s.io", kind="ClusterRole", name=role.metadata["name"]),
            subjects=[rbac.SubjectArgs(kind="ServiceAccount", name=account.metadata["name"], namespace=namespace)],
            opts=pulumi.ResourceOptions(parent=self),
        )
        clusters = pulumi.Output.all(**args.monitors).apply(
            lambda monitors: json.dumps([{"clusterID": key, "monitors": monitors[key]} for key in sorted(monitors)])
        )
        config = core.ConfigMap(
            f"{name}-config",
            metadata=meta.ObjectMetaArgs(name=_CONFIG, namespace=namespace),
            data={"config.json": clusters},
            opts=inside,
        )
        ceph_conf = core.ConfigMap(
            f"{name}-ceph-conf",
            metadata=meta.ObjectMetaArgs(name=_CEPH_CONF, namespace=namespace),
            # ceph-fuse and mount.ceph want both files to be there; the keyring stays empty, keys come with each mount.
            data={
                "ceph.conf": "[global]\nauth_cluster_required = cephx\nauth_service_required = cephx\nauth_client_required = cephx\n",
                "keyring": "",
            },
            opts=inside,
        )
        storage.CSIDriver(
            f"{name}-driver",
            metadata=meta.ObjectMetaArgs(name=DRIVER),
            # CephFS is not attached to a node, and the kubelet must not change the owner of files on a read-only mount.
            spec=storage.CSIDriverSpecArgs(attach_required=False, pod_info_on_mount=False, fs_group_policy="None", se_linux_mount=True),
            opts=pulumi.ResourceOptions(parent=self),
        )
        labels = {"app.kubernetes.io/name": "ceph-csi-cephfs", "app.kubernetes.io/component": "node-plugin"}
        apps.DaemonSet(
            f"{name}-node-plugin",
            metadata=meta.ObjectMetaArgs(name="cephfs-node-plugin", namespace=namespace, labels=labels),
            spec=apps.DaemonSetSpecArgs(
                selector=meta.LabelSelectorArgs(match_labels=labels),
                template=core.PodTemplateSpecArgs(
                    metadata=meta.ObjectMetaArgs(labels=labels),
                    spec=core.PodSpecArgs(
                        service_account_name=account.metadata["name"],
                        automount_service_account_token=True,
                        priority_class_name="system-node-critical",
                        host_network=True,
                        host_pid=True,
                        dns_policy="ClusterFirstWithHostNet",
                        enable_service_links=False,
                        image_pull_secrets=self.pull_secrets,
                        # A node without the plug-in could not mount data, whatever it is tainted with.
                        tolerations=[core.TolerationArgs(operator="Exists")],
                        containers=[
                            _plugin(args.image),
                            registrar(args.registrar_image, _PLUGIN_DIRECTORY, "socket-dir"),
                            *([_liveness(args.image)] if args.metrics else []),
                        ],
                        volumes=_volumes(),
                    ),
                ),
            ),
            opts=pulumi.ResourceOptions(parent=self, deleted_with=self.namespace, depends_on=[binding, config, ceph_conf]),
        )


def _from_field(name: str, path: str) -> core.EnvVarArgs:
    return core.EnvVarArgs(name=name, value_from=core.EnvVarSourceArgs(field_ref=core.ObjectFieldSelectorArgs(field_path=path)))


def _plugin(image: str) -> core.ContainerArgs:
    """The CephFS node server. Privileged: it mounts into the kubelet's folder for every Pod of the node."""
    mounts = {
        "socket-dir": ("/csi", None),
        "mountpoint-dir": ("/var/lib/kubelet/pods", "Bidirectional"),
        "plugin-dir": ("/var/lib/kubelet/plugins", "Bidirectional"),
        "host-sys": ("/sys", None),
        "host-dev": ("/dev", None),
        "host-mount": ("/run/mount", None),
        "ceph-config": ("/etc/ceph/", None),
        "ceph-csi-config": ("/etc/ceph-csi-config/", None),
        "keys-tmp-dir": ("/tmp/csi/keys", None),  # noqa: S108 - path inside the container, in memory
        "ceph-csi-mountinfo": ("/csi/mountinfo", None),
    }
    read_only = {"etc-selinux": "/etc/selinux", "lib-modules": "/lib/modules"}
    return core.ContainerArgs(
        name="csi-cephfsplugin",
        image=image,
        image_pull_policy="IfNotPresent",
        args=[
            "--nodeid=$(NODE_ID)",
            "--type=cephfs",
            "--nodeserver=true",
            "--endpoint=$(CSI_ENDPOINT)",
            "--v=4",
            f"--drivername={DRIVER}",
            "--enableprofiling=false",
        ],
        env=[
            _from_field("POD_IP", "status.podIP"),
            _from_field("NODE_ID", "spec.nodeName"),
            core.EnvVarArgs(name="CSI_ENDPOINT", value="unix:///csi/csi.sock"),
            _from_field("POD_NAMESPACE", "metadata.namespace"),
        ],
        security_context=core.SecurityContextArgs(
            privileged=True, allow_privilege_escalation=True, capabilities=core.CapabilitiesArgs(add=["SYS_ADMIN"])
        ),
        resources=core.ResourceRequirementsArgs(requests={"cpu": "50m", "memory": "128Mi"}, limits={"memory": "1Gi"}),
        volume_mounts=[
            *(core.VolumeMountArgs(name=volume, mount_path=path, mount_propagation=spread) for volume, (path, spread) in mounts.items()),
            *(core.VolumeMountArgs(name=volume, mount_path=path, read_only=True) for volume, path in read_only.items()),
        ],
    )


def _liveness(image: str) -> core.ContainerArgs:
    """The sidecar that asks the plug-in once a minute, and tells Prometheus."""
    return core.ContainerArgs(
        name="liveness",
        image=image,
        image_pull_policy="IfNotPresent",
        args=[
            "--type=liveness",
            "--endpoint=$(CSI_ENDPOINT)",
            f"--metricsport={METRICS_PORT}",
            "--metricspath=/metrics",
            "--polltime=60s",
            "--timeout=3s",
        ],
        env=[core.EnvVarArgs(name="CSI_ENDPOINT", value="unix:///csi/csi.sock"), _from_field("POD_IP", "status.podIP")],
        ports=[core.ContainerPortArgs(name="liveness", container_port=METRICS_PORT, host_port=METRICS_PORT)],
        # On nodes with SELinux an unprivileged sidecar cannot open the socket of a privileged container.
        security_context=core.SecurityContextArgs(privileged=True, allow_privilege_escalation=True),
        resources=core.ResourceRequirementsArgs(requests={"cpu": "10m", "memory": "32Mi"}, limits={"memory": "128Mi"}),
        volume_mounts=[core.VolumeMountArgs(name="socket-dir", mount_path="/csi")],
    )


def registrar(image: str, folder: str, volume: str) -> core.ContainerArgs:
    """The sidecar that tells the kubelet of a plug-in's socket. folder: of the socket on the node. volume: which the Pod has of it."""
    return core.ContainerArgs(
        name="driver-registrar",
        image=image,
        image_pull_policy="IfNotPresent",
        args=["--v=1", "--csi-address=/csi/csi.sock", f"--kubelet-registration-path={folder}/csi.sock"],
        env=[_from_field("KUBE_NODE_NAME", "spec.nodeName")],
        # On nodes with SELinux an unprivileged sidecar cannot open the socket of a privileged container.
        security_context=core.SecurityContextArgs(privileged=True, allow_privilege_escalation=True),
        resources=core.ResourceRequirementsArgs(requests={"cpu": "10m", "memory": "32Mi"}, limits={"memory": "128Mi"}),
        volume_mounts=[
            core.VolumeMountArgs(name=volume, mount_path="/csi"),
            core.VolumeMountArgs(name="registration-dir", mount_path="/registration"),
        ],
    )


def _volumes() -> list[core.VolumeArgs]:
    """The folders of the node, and the configuration by its name alone: a new share changes the monitors' ConfigMap, which the kubelet
    brings to the running plug-in. Tied to it closer, the plug-in would be replaced, and mounts by ceph-fuse with it.
    """
    host = {
        "socket-dir": (f"{_PLUGIN_DIRECTORY}/", "DirectoryOrCreate"),
        "registration-dir": ("/var/lib/kubelet/plugins_registry/", "Directory"),
        "mountpoint-dir": ("/var/lib/kubelet/pods", "DirectoryOrCreate"),
        "plugin-dir": ("/var/lib/kubelet/plugins", "Directory"),
        "ceph-csi-mountinfo": (f"{_PLUGIN_DIRECTORY}/mountinfo", "DirectoryOrCreate"),
        "host-sys": ("/sys", None),
        "etc-selinux": ("/etc/selinux", None),
        "lib-modules": ("/lib/modules", None),
        "host-dev": ("/dev", None),
        "host-mount": ("/run/mount", None),
    }
    return [
        *(
            core.VolumeArgs(name=volume, host_path=core.HostPathVolumeSourceArgs(path=path, type=kind))
            for volume, (path, kind) in host.items()
        ),
        core.VolumeArgs(name="ceph-csi-config", config_map=core.ConfigMapVolumeSourceArgs(name=_CONFIG)),
        core.VolumeArgs(name="ceph-config", config_map=core.ConfigMapVolumeSourceArgs(name=_CEPH_CONF)),
        core.VolumeArgs(name="keys-tmp-dir", empty_dir=core.EmptyDirVolumeSourceArgs(medium="Memory")),
    ]
