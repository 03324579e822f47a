"""Which project a credential of clouds.yaml opens: asked of Keystone by openstacksdk, before anything else is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from openstack.connection import Connection

from doctor.visit import ASKING_FAILS, connect, reason
from settings.values.cloud import OpenStackProject, opens


@dataclass(frozen=True)
class OpenProject:
    """A project that its credential has opened.

    application_credential: what Keystone says of it (`restricted`, ...); None where the credential is a password or the like.
    """

    connection: Connection
    name: str
    application_credential: Mapping[str, Any] | None


class NotAcceptedError(Exception):
    """No service accepted the credential. Its text is the reason, on one line."""


class OtherProjectError(Exception):
    """The credential opens another project than the stack file names. name, identity: of that project."""

    def __init__(self, name: str, identity: str) -> None:
        super().__init__(f"opens {name!r} ({identity})")
        self.name, self.identity = name, identity


def open_project(project: OpenStackProject) -> OpenProject:
    """The project that the stack file names, opened by the credential that stands beside it.

    Raises NotAcceptedError, or OtherProjectError.
    """
    try:
        connection = connect(project)
        token = connection.session.auth.get_access(connection.session)  # type: ignore[union-attr]
    except ASKING_FAILS as error:
        raise NotAcceptedError(reason(error)) from None
    if not opens(project.project, name=token.project_name, identity=token.project_id):
        raise OtherProjectError(token.project_name, token.project_id)
    application = token._data["token"].get("application_credential")  # noqa: SLF001 - keystoneauth shows its id alone
    return OpenProject(connection, token.project_name, application)
