"""The Manila CSI node plug-in: the second way to mount a share. It asks Manila at each mount, and hands the mount to CephCSI."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apps import v1 as apps
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta import v1 as meta
from pulumi_kubernetes.storage import v1 as storage
from pulumi_openstack import identity

from components.kubernetes.namespace import NamespaceRef
from components.kubernetes.pod import mount
from components.names import CEPHFS_DRIVER, MANILA_DRIVER, MANILA_PLUGIN, MANILA_PLUGIN_LABELS
from components.storage.ceph_csi import registrar

_FOLDER = f"/var/lib/kubelet/plugins/{MANILA_DRIVER}"
_FORWARD = f"/var/lib/kubelet/plugins/{CEPHFS_DRIVER}"


@dataclass(frozen=True, kw_only=True)
class ManilaCredentialArgs:
    """What a credential for mounts needs."""

    title: str
    """Its name on the cloud."""

    auth_url: pulumi.Input[str]
    """Address of Keystone."""

    region: pulumi.Input[str | None]
    """Region, or None."""

    namespace: NamespaceRef
    """That of the Ceph keys."""

    shares: Sequence[pulumi.Input[str]]
    """Ids of the shares, of one project, that it may look at."""


class ManilaCredential(pulumi.ComponentResource):
    """An application credential that may look at some shares, and no more, and the Secret that hands it to the plug-in.

    Creates: ApplicationCredential with access rules, Secret.

    The rules are the calls that the plug-in makes to mount (cloud-provider-openstack: pkg/csi/manila/manilaclient): version, share, export
    locations, rules of access. The last cannot be narrowed to a share, so the credential reads every Ceph key of its project, also
    those that may write: the price of this plug-in (docs/how-to/datasets.md). The rules hold where the site's Manila sets
    `service_type` in `[keystone_authtoken]`.
    """

    secret_name: str
    """Name of the Secret, in the namespace of the Ceph keys."""

    def __init__(self, name: str, args: ManilaCredentialArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gaia-dmp:openstack:ManilaCredential", name, {}, opts)
        paths = pulumi.Output.all(*args.shares).apply(mount_paths)
        credential = identity.ApplicationCredential(
            f"{name}-credential",
            # No name of ours: rules are fixed with the credential, so a further share makes a new one beside the old.
            description=f"{args.title}: looks at shares to mount them",
            roles=["reader"],
            access_rules=paths.apply(
                lambda allowed: [
                    identity.ApplicationCredentialAccessRuleArgs(service="sharev2", method="GET", path=path) for path in allowed
                ]
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.secret_name = name
        data: Mapping[str, pulumi.Input[str]] = {
            "os-authURL": args.auth_url,
            "os-region": pulumi.Output.from_input(args.region).apply(lambda region: region or ""),
            "os-applicationCredentialID": credential.id,
            "os-applicationCredentialSecret": pulumi.Output.secret(credential.secret),
        }
        core.Secret(
            f"{name}-secret",
            metadata=meta.ObjectMetaArgs(name=self.secret_name, namespace=args.namespace.title),
            string_data=data,
            opts=pulumi.ResourceOptions(parent=self, deleted_with=args.namespace.resource),
        )
        self.register_outputs({"secret_name": self.secret_name})


def mount_paths(shares: Sequence[str]) -> list[str]:
    """Every path of Manila's API that the plug-in gets to mount these shares."""
    of_shares = [path for share in sorted(shares) for path in (f"/v2/shares/{share}", f"/v2/shares/{share}/export_locations")]
    return ["/v2/", "/v2/share-access-rules", *of_shares]


@dataclass(frozen=True, kw_only=True)
class ManilaCSIArgs:
    """What the plug-in needs."""

    namespace: NamespaceRef
    """That of CephCSI."""

    image: str
    """Manila CSI."""

    registrar_image: str
    """csi-node-driver-registrar."""

    cluster_id: str
    """A name for this cluster in Manila's logs."""


class ManilaCSI(pulumi.ComponentResource):
    """The node plug-in for CephFS, beside that of CephCSI, to which it hands every mount.

    Creates: ServiceAccount without rights, CSIDriver, DaemonSet. No controller: nothing is provisioned. Source: chart
    openstack-manila-csi 2.36.
    """

    def __init__(self, name: str, args: ManilaCSIArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gaia-dmp:kubernetes:ManilaCSI", name, {}, opts)
        inside = pulumi.ResourceOptions(parent=self, deleted_with=args.namespace.resource)
        namespace = args.namespace.title
        account = core.ServiceAccount(
            f"{name}-account",
            metadata=meta.ObjectMetaArgs(name=MANILA_PLUGIN, namespace=namespace),
            automount_service_account_token=False,
            opts=inside,
        )
        storage.CSIDriver(
            f"{name}-driver",
            metadata=meta.ObjectMetaArgs(name=MANILA_DRIVER),
            spec=storage.CSIDriverSpecArgs(attach_required=False, pod_info_on_mount=False, fs_group_policy="None"),
            opts=pulumi.ResourceOptions(parent=self),
        )
        labels = MANILA_PLUGIN_LABELS
        folders = {
            "registration-dir": ("/var/lib/kubelet/plugins_registry", "Directory"),
            "plugin-dir": (_FOLDER, "DirectoryOrCreate"),
            "fwd-plugin-dir": (_FORWARD, "DirectoryOrCreate"),
        }
        apps.DaemonSet(
            f"{name}-node-plugin",
            metadata=meta.ObjectMetaArgs(name=MANILA_PLUGIN, namespace=namespace, labels=labels),
            spec=apps.DaemonSetSpecArgs(
                selector=meta.LabelSelectorArgs(match_labels=labels),
                template=core.PodTemplateSpecArgs(
                    metadata=meta.ObjectMetaArgs(labels=labels),
                    spec=core.PodSpecArgs(
                        service_account_name=account.metadata["name"],
                        automount_service_account_token=False,
                        priority_class_name="system-node-critical",
                        # It asks the cloud's metadata service which node it is on, and OpenStack's APIs as the node does.
                        host_network=True,
                        dns_policy="ClusterFirstWithHostNet",
                        enable_service_links=False,
                        image_pull_secrets=args.namespace.image_pull_secrets,
                        tolerations=[core.TolerationArgs(operator="Exists")],
                        containers=[_plugin(args), registrar(args.registrar_image, _FOLDER, "plugin-dir")],
                        volumes=[
                            core.VolumeArgs(name=volume, host_path=core.HostPathVolumeSourceArgs(path=path, type=kind))
                            for volume, (path, kind) in folders.items()
                        ],
                    ),
                ),
            ),
            opts=inside,
        )
        self.register_outputs({"driver": MANILA_DRIVER})


def _plugin(args: ManilaCSIArgs) -> core.ContainerArgs:
    return core.ContainerArgs(
        name="manila-csi-plugin",
        image=args.image,
        image_pull_policy="IfNotPresent",
        command=["/bin/manila-csi-plugin"],
        args=[
            f"--endpoint=unix://{_FOLDER}/csi.sock",
            f"--drivername={MANILA_DRIVER}",
            "--share-protocol-selector=CEPHFS",
            f"--fwdendpoint=unix://{_FORWARD}/csi.sock",
            f"--cluster-id={args.cluster_id}",
            "--provide-controller-service=false",
        ],
        # The sockets of both plug-ins belong to root, and on nodes with SELinux to privileged containers.
        security_context=core.SecurityContextArgs(privileged=True, allow_privilege_escalation=True),
        resources=core.ResourceRequirementsArgs(requests={"cpu": "20m", "memory": "64Mi"}, limits={"memory": "256Mi"}),
        volume_mounts=[
            mount("plugin-dir", _FOLDER),
            mount("fwd-plugin-dir", _FORWARD),
        ],
    )
