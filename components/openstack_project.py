"""A provider for one OpenStack project, made only after the credential has shown that it opens that project."""

from dataclasses import dataclass

import pulumi
from pulumi_openstack import Provider, identity


@dataclass(frozen=True, kw_only=True)
class OpenStackProjectArgs:
    """What a provider needs.

    project: name or id of the project that the credential must open.
    clouds_yaml: name of the entry in clouds.yaml that holds the credential.
    region: region, or None for that of the entry.
    setting: the setting that names the project, for messages, such as `cloud.project`.
    """

    project: str
    clouds_yaml: str
    region: str | None = None
    setting: str


def openstack_project(name: str, args: OpenStackProjectArgs) -> Provider:
    """The explicit provider of one project.

    The identity service is asked at once which project the credential opens, so that a wrong one stops the program before any
    component is registered. Only the provider itself, which is nothing on the cloud, stands in the state by then: the engine
    takes a query through a registered provider alone.

    Raises pulumi.RunError where the credential does not authenticate or opens another project.
    """
    provider = Provider(name, cloud=args.clouds_yaml, region=args.region)
    entry = args.setting.rsplit(".", 1)[0] + ".clouds_yaml"
    try:
        scope = identity.get_auth_scope(name=args.project, opts=pulumi.InvokeOptions(provider=provider))
    except Exception as error:
        # The engine reports every failure of a query as a bare Exception.
        raise pulumi.RunError(
            f"gaia-dmp:{entry}: {args.clouds_yaml}: the credential was not accepted; nothing was registered.\n"
            f"  {error}\n"
            f"  accepted: an entry of clouds.yaml whose credential opens project {args.project}"
        ) from error
    if args.project not in (scope.project_name, scope.project_id):
        raise pulumi.RunError(
            f"gaia-dmp:{args.setting}: {args.project}: the credential of clouds.yaml entry {args.clouds_yaml} opens another project, "
            f"{scope.project_name} ({scope.project_id}); nothing was registered.\n"
            f"  accepted: the project that the credential opens, or another entry in gaia-dmp:{entry}"
        )
    return provider
