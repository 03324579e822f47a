"""The project that a credential of clouds.yaml is for, from Keystone. It is asked before anything else."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from openstack.connection import Connection

from doctor.visit import ASKING_FAILS, connect, reason
from settings.values.cloud import OpenStackProject, opens


@dataclass(frozen=True)
class OpenProject:
    """A project and a connection to it.

    application_credential: what Keystone reports about it (`restricted`, ...); None if the credential is a password or the like.
    """

    connection: Connection
    name: str
    application_credential: Mapping[str, Any] | None


class NotAcceptedError(Exception):
    """No service accepted the credential. Its text is the reason, on one line."""


class OtherProjectError(Exception):
    """The credential is for another project than the stack file names. name, identity: of that project."""

    def __init__(self, name: str, identity: str) -> None:
        super().__init__(f"is for {name!r} ({identity})")
        self.name, self.identity = name, identity


def open_project(project: OpenStackProject) -> OpenProject:
    """The project that the stack file names, opened with the credential that it names.

    Raises NotAcceptedError, or OtherProjectError.
    """
    try:
        connection = connect(project)
        token = connection.session.auth.get_access(connection.session)  # type: ignore[union-attr]
    except ASKING_FAILS as error:
        raise NotAcceptedError(reason(error)) from None
    if not opens(project.project, name=token.project_name, identity=token.project_id):
        raise OtherProjectError(token.project_name, token.project_id)
    application = token._data["token"].get("application_credential")  # noqa: SLF001 - keystoneauth shows only its id
    return OpenProject(connection, token.project_name, application)
