"""Credentials: what each opens, and what Magnum and Keystone want of it."""

import os
from collections.abc import Iterator

from doctor.projects import NotAcceptedError, OtherProjectError, open_project
from doctor.visit import SETTINGS, Finding, Visit
from settings.values.cloud import OpenStackProject


def credentials(visit: Visit) -> Iterator[Finding]:
    """Each credential opens the project that the stack names, and may do what Magnum needs. Fills `visit.projects`."""
    for role, project in visit.roles().items():
        yield from _credential(visit, role, project)
    competing = sorted(name for name in os.environ if name.startswith("OS_") and name not in {"OS_CLIENT_CONFIG_FILE", "OS_CLOUD"})
    if competing:
        says = f"are set and compete with the entries of clouds.yaml: {', '.join(competing)}"
        yield Finding("variables OS_*", "bad", says, f"unset {' '.join(competing)}")


def _credential(visit: Visit, role: str, project: OpenStackProject) -> Iterator[Finding]:
    subject = f"credential {project.clouds_yaml}"
    setting = SETTINGS[role]
    try:
        found = open_project(project)
    except NotAcceptedError as error:
        places = "OS_CLIENT_CONFIG_FILE, this folder, ~/.config/openstack"
        region = f", {setting}.region" if project.region else ""
        fix = f"{setting}.clouds_yaml{region}, or an entry {project.clouds_yaml} in clouds.yaml ({places})"
        yield Finding(subject, "bad", f"was not accepted: {error}", fix)
        return
    except OtherProjectError as error:
        says = f"opens project {error.name} ({error.identity}), but {setting}.project is {project.project}"
        yield Finding(subject, "bad", says, f"another entry in {setting}.clouds_yaml, or {setting}.project: {error.name}")
        return
    visit.projects[role] = found.connection
    application = found.application_credential
    if application and application.get("restricted") and role == "compute":
        says = "is a restricted application credential, with which Magnum's drivers cannot make one of their own"
        yield Finding(
            subject, "bad", says, "openstack application credential create --unrestricted <name>, and its id and secret in clouds.yaml"
        )
    elif application and role == "compute":
        says = f"opens project {found.name}; unrestricted application credential"
        yield Finding(subject, "ok", says)
        fix = "with a Magnum up to 2026.1 on a Keystone of 2026-05 or later, a password or OIDC entry: trusts are refused to any other"
        yield Finding(subject, "unknown", "whether this Keystone lets an application credential make trusts cannot be asked", fix)
    else:
        yield Finding(subject, "ok", f"opens project {found.name}")
