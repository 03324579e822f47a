"""What the doctor examines: the projects of one stack, each with its credential."""

import os
from dataclasses import dataclass, field
from typing import Any, Literal

from keystoneauth1.exceptions import ClientException
from openstack.config import OpenStackConfig
from openstack.connection import Connection
from openstack.exceptions import SDKException
from requests.exceptions import RequestException

from settings import StackSettings
from settings.values.cloud import OpenStackCloud, OpenStackProject

Verdict = Literal["ok", "bad", "unknown"]

ASKING_FAILS = (ClientException, SDKException, RequestException)
"""The exceptions of a service that refuses, or does not answer."""

PATIENCE = 30
"""Seconds to wait for a service's answer."""


@dataclass(frozen=True)
class Finding:
    """What a check found. subject: what it examined. says: the rest of the sentence. fix: what to do about it, or ""."""

    subject: str
    verdict: Verdict
    says: str
    fix: str = ""


SETTINGS = {"compute": "cloud", "data": "cloud.data_project", "buckets": "object_store"}
"""Role of a project to the key of the stack file that names it."""


@dataclass
class Visit:
    """One stack on its cloud. projects: connection by role, `compute` and perhaps `data` and `buckets`; roles whose credential failed are
    missing.
    """

    settings: StackSettings
    cloud: OpenStackCloud
    title: str
    projects: dict[str, Connection] = field(default_factory=dict)

    @property
    def compute(self) -> Any:
        """The project in which the platform runs."""
        return self.projects["compute"]

    def roles(self) -> dict[str, OpenStackProject]:
        """The projects that the stack file names, by role."""
        return roles(self.settings, self.cloud)


def roles(settings: StackSettings, cloud: OpenStackCloud) -> dict[str, OpenStackProject]:
    """The projects that a stack file names, by role: those of SETTINGS that it has."""
    named: dict[str, OpenStackProject | None] = {"compute": cloud, "data": cloud.data_project, "buckets": settings.object_store}
    return {role: project for role, project in named.items() if project}


def connect(project: OpenStackProject) -> Connection:
    """A connection with the clouds.yaml entry of a project, and with nothing else. It sends no request yet. Raises SDKException."""
    # Variables such as OS_PROJECT_NAME would override the entry; that they do so in the provider is a separate finding.
    named = os.environ.get("OS_CLIENT_CONFIG_FILE")
    config = OpenStackConfig(config_files=[named] if named else None, load_envvars=False)
    region: dict[str, Any] = {"region_name": project.region} if project.region else {}
    return Connection(config=config.get_one(project.clouds_yaml, api_timeout=PATIENCE, **region))


def reason(error: Exception) -> str:
    """One line with the reason why a service failed."""
    return " ".join(str(error).split())[:300] or type(error).__name__
