"""The CephCSI node plug-in: what mounts CephFS on every node, and nothing else of CephCSI."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apps import v1 as apps
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta import v1 as meta
from pulumi_kubernetes.rbac import v1 as rbac
from pulumi_kubernetes.storage import v1 as storage

from components.kubernetes.namespace import NamespaceRef, secured_namespace
from components.kubernetes.pod import config_volume, field_variable, mount
from components.names import CEPH_PLUGIN, CEPH_PLUGIN_LABELS, CEPH_PLUGIN_PORT, CEPHFS_DRIVER, CSI_NAMESPACE
from settings.values.ceph_csi import Mounter

_CONFIG = "ceph-csi-config"
_CEPH_CONF = "ceph-config"
_PLUGIN_DIRECTORY = f"/var/lib/kubelet/plugins/{CEPHFS_DRIVER}"


@dataclass(frozen=True, kw_only=True)
class CephCSIArgs:
    """What the plug-in needs."""

    image: str
    """CephCSI."""

    registrar_image: str
    """csi-node-driver-registrar."""

    monitors: Mapping[str, pulumi.Input[list[str]]]
    """host:port of the monitors of each Ceph cluster, by the clusterID that volumes name."""

    install: bool = True
    """False where the site's clusters come with CephCSI; only the namespace of the Ceph keys is made then."""

    mounter: Mounter = "kernel"
    """What mounts shares on a node."""

    metrics: bool = False
    """Whether each node tells Prometheus if the plug-in answers."""

    login: pulumi.Input[str] | None = None
    """docker config.json (secret) for the registry, or None."""


class CephCSI(pulumi.ComponentResource):
    """The namespace of the Ceph keys and, where the site has none, the CephFS node plug-in.

    Creates: Namespace (Pod Security `privileged`, because a CSI plug-in mounts for the whole node), ServiceAccount, ClusterRole to
    read its own kind of Node and nothing else, ConfigMaps, CSIDriver, DaemonSet. No provisioner: shares come from Manila. No right
    on Secrets: the kubelet hands the plug-in the one key that a mount needs.
    """

    namespace: NamespaceRef
    """The namespace, which holds the Ceph keys."""

    def __init__(self, name: str, args: CephCSIArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gaia-dmp:kubernetes:CephCSI", name, {}, opts)
        # Where the plug-in is the site's, only the Job that prepares the notebooks' share runs here, as root.
        level = "privileged" if args.install else "baseline"
        self.namespace = secured_namespace(name, CSI_NAMESPACE, level, self, args.login)
        if args.install:
            self._install(name, args)
        self.register_outputs({"namespace": self.namespace.resource, "namespace_name": self.namespace.title})

    def _install(self, name: str, args: CephCSIArgs) -> None:
        inside = pulumi.ResourceOptions(parent=self, deleted_with=self.namespace.resource)
        namespace = self.namespace.title
        account = core.ServiceAccount(
            f"{name}-account",
            metadata=meta.ObjectMetaArgs(name=CEPH_PLUGIN, namespace=namespace),
            automount_service_account_token=False,
            opts=inside,
        )
        # Started in a cluster, the plug-in reads the labels of its Node and ends at once where it may not
        # (ceph-csi: internal/cephfs/driver.go). That is the only call it makes.
        role = rbac.ClusterRole(
            f"{name}-node-reader",
            metadata=meta.ObjectMetaArgs(name=f"{CSI_NAMESPACE}-node-reader"),
            rules=[rbac.PolicyRuleArgs(api_groups=[""], resources=["nodes"], verbs=["get"])],
            opts=pulumi.ResourceOptions(parent=self),
        )
        binding = rbac.ClusterRoleBinding(
            f"{name}-node-reader-binding",
            metadata=meta.ObjectMetaArgs(name=f"{CSI_NAMESPACE}-node-reader"),
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
            metadata=meta.ObjectMetaArgs(name=CEPHFS_DRIVER),
            # CephFS is not attached to a node, and the kubelet must not change the owner of files on a read-only mount.
            spec=storage.CSIDriverSpecArgs(attach_required=False, pod_info_on_mount=False, fs_group_policy="None", se_linux_mount=True),
            opts=pulumi.ResourceOptions(parent=self),
        )
        labels = CEPH_PLUGIN_LABELS
        apps.DaemonSet(
            f"{name}-node-plugin",
            metadata=meta.ObjectMetaArgs(name=CEPH_PLUGIN, namespace=namespace, labels=labels),
            spec=apps.DaemonSetSpecArgs(
                selector=meta.LabelSelectorArgs(match_labels=labels),
                # A process of ceph-fuse ends with its Pod, and every running Pod of the node loses its data (seen: errno 107). A new Pod of
                # the plug-in starts once somebody has emptied the node and deleted the old one.
                update_strategy=apps.DaemonSetUpdateStrategyArgs(type="OnDelete") if args.mounter == "fuse" else None,
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
                        image_pull_secrets=self.namespace.image_pull_secrets,
                        # A node without the plug-in could not mount data, whatever it is tainted with.
                        tolerations=[core.TolerationArgs(operator="Exists")],
                        containers=[
                            _plugin(args.image, args.mounter),
                            registrar(args.registrar_image, _PLUGIN_DIRECTORY, "socket-dir"),
                            *([_liveness(args.image)] if args.metrics else []),
                        ],
                        volumes=_volumes(),
                    ),
                ),
            ),
            opts=pulumi.ResourceOptions(parent=self, deleted_with=self.namespace.resource, depends_on=[binding, config, ceph_conf]),
        )


def _plugin(image: str, mounter: Mounter) -> core.ContainerArgs:
    """The CephFS node server. Privileged: it mounts into the kubelet's folder for every Pod of the node.

    Mounts by ceph-fuse are processes in it: a limit of memory would end them all.
    """
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
            f"--drivername={CEPHFS_DRIVER}",
            "--enableprofiling=false",
        ],
        env=[
            field_variable("POD_IP", "status.podIP"),
            field_variable("NODE_ID", "spec.nodeName"),
            core.EnvVarArgs(name="CSI_ENDPOINT", value="unix:///csi/csi.sock"),
            field_variable("POD_NAMESPACE", "metadata.namespace"),
        ],
        security_context=core.SecurityContextArgs(
            privileged=True, allow_privilege_escalation=True, capabilities=core.CapabilitiesArgs(add=["SYS_ADMIN"])
        ),
        resources=core.ResourceRequirementsArgs(
            requests={"cpu": "50m", "memory": "256Mi"}, limits={"memory": "1Gi"} if mounter == "kernel" else None
        ),
        volume_mounts=[
            *(core.VolumeMountArgs(name=volume, mount_path=path, mount_propagation=spread) for volume, (path, spread) in mounts.items()),
            *(mount(volume, path, read_only=True) for volume, path in read_only.items()),
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
            f"--metricsport={CEPH_PLUGIN_PORT}",
            "--metricspath=/metrics",
            "--polltime=60s",
            "--timeout=3s",
        ],
        env=[core.EnvVarArgs(name="CSI_ENDPOINT", value="unix:///csi/csi.sock"), field_variable("POD_IP", "status.podIP")],
        ports=[core.ContainerPortArgs(name="liveness", container_port=CEPH_PLUGIN_PORT, host_port=CEPH_PLUGIN_PORT)],
        # On nodes with SELinux an unprivileged sidecar cannot open the socket of a privileged container.
        security_context=core.SecurityContextArgs(privileged=True, allow_privilege_escalation=True),
        resources=core.ResourceRequirementsArgs(requests={"cpu": "10m", "memory": "32Mi"}, limits={"memory": "128Mi"}),
        volume_mounts=[mount("socket-dir", "/csi")],
    )


def registrar(image: str, folder: str, volume: str) -> core.ContainerArgs:
    """The sidecar that tells the kubelet of a plug-in's socket. folder: of the socket on the node. volume: which the Pod has of it."""
    return core.ContainerArgs(
        name="driver-registrar",
        image=image,
        image_pull_policy="IfNotPresent",
        args=["--v=1", "--csi-address=/csi/csi.sock", f"--kubelet-registration-path={folder}/csi.sock"],
        env=[field_variable("KUBE_NODE_NAME", "spec.nodeName")],
        # On nodes with SELinux an unprivileged sidecar cannot open the socket of a privileged container.
        security_context=core.SecurityContextArgs(privileged=True, allow_privilege_escalation=True),
        resources=core.ResourceRequirementsArgs(requests={"cpu": "10m", "memory": "32Mi"}, limits={"memory": "128Mi"}),
        volume_mounts=[
            mount(volume, "/csi"),
            mount("registration-dir", "/registration"),
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
        config_volume("ceph-csi-config", _CONFIG),
        config_volume("ceph-config", _CEPH_CONF),
        core.VolumeArgs(name="keys-tmp-dir", empty_dir=core.EmptyDirVolumeSourceArgs(medium="Memory")),
    ]
