"""A provider for one OpenStack project, made only after the credential has shown that it opens that project."""

from dataclasses import dataclass

import pulumi
from pulumi_openstack import Provider, identity

from components.openstack.first_look import first_look
from settings.values.cloud import OpenStackProject, opens


@dataclass(frozen=True, kw_only=True)
class OpenedProject:
    """A project that a credential has opened."""

    provider: Provider
    """For its resources."""

    project_id: str
    """Keystone's id of the project."""

    user_id: str
    """Keystone's id of the credential's user."""

    auth_url: str
    """Public address of Keystone, from its catalogue; empty where the catalogue has none."""

    region: str
    """Region of that address; empty where the catalogue has none."""

    first_look: pulumi.ResourceHook
    """A hook for what is made in it: what stands already is not made a second time."""


def openstack_project(name: str, wanted: OpenStackProject, setting: str) -> OpenedProject:
    """The explicit provider of one project, and what Keystone says of its credential.

    The identity service is asked at once which project the credential opens, so that a wrong one stops the program before any
    component is registered. Only the provider itself, which is nothing on the cloud, stands in the state by then: the engine
    takes a query through a registered provider alone.

    wanted: the project, and the entry in clouds.yaml that opens it. setting: that of the project, for messages, such as `cloud.project`.

    Raises pulumi.RunError where the credential does not authenticate or opens another project.
    """
    provider = Provider(name, cloud=wanted.clouds_yaml, region=wanted.region)
    entry = setting.rsplit(".", 1)[0] + ".clouds_yaml"
    try:
        scope = identity.get_auth_scope(name=wanted.project, opts=pulumi.InvokeOptions(provider=provider))
    except Exception as error:
        # The engine reports every failure of a query as a bare Exception.
        raise pulumi.RunError(
            f"gaia-dmp:{entry}: {wanted.clouds_yaml}: the credential was not accepted; nothing was registered.\n"
            f"  {error}\n"
            f"  accepted: an entry of clouds.yaml whose credential opens project {wanted.project}"
        ) from error
    if not opens(wanted.project, name=scope.project_name, identity=scope.project_id):
        raise pulumi.RunError(
            f"gaia-dmp:{setting}: {wanted.project}: the credential of clouds.yaml entry {wanted.clouds_yaml} opens another project, "
            f"{scope.project_name} ({scope.project_id}); nothing was registered.\n"
            f"  accepted: the project that the credential opens, or another entry in gaia-dmp:{entry}"
        )
    endpoints = [
        (endpoint.url, endpoint.region or "")
        for service in scope.service_catalogs or []
        if service.type == "identity"
        for endpoint in service.endpoints or []
        if endpoint.interface == "public"
    ]
    auth_url, region = endpoints[0] if endpoints else ("", "")
    return OpenedProject(
        provider=provider,
        project_id=scope.project_id,
        user_id=scope.user_id,
        auth_url=auth_url,
        region=region,
        first_look=first_look(name, wanted),
    )
