"""Credentials: the project that each is for, and what Magnum and Keystone require of it."""

import os
from collections.abc import Iterator

from doctor.projects import NotAcceptedError, OtherProjectError, open_project
from doctor.visit import SETTINGS, Finding, Visit
from settings.values.cloud import OpenStackProject


def credentials(visit: Visit) -> Iterator[Finding]:
    """Each credential is for the project that the stack names, and may do what Magnum needs. Fills `visit.projects`."""
    for role, project in visit.roles().items():
        yield from _credential(visit, role, project)
    competing = sorted(name for name in os.environ if name.startswith("OS_") and name not in {"OS_CLIENT_CONFIG_FILE", "OS_CLOUD"})
    if competing:
        says = f"are set and override entries of clouds.yaml: {', '.join(competing)}"
        yield Finding("variables OS_*", "bad", says, f"unset {' '.join(competing)}")


def _credential(visit: Visit, role: str, project: OpenStackProject) -> Iterator[Finding]:
    subject = f"credential {project.clouds_yaml}"
    setting = SETTINGS[role]
    try:
        found = open_project(project)
    except NotAcceptedError as error:
        places = "OS_CLIENT_CONFIG_FILE, this folder, ~/.config/openstack"
        region = f", {setting}.region" if project.region else ""
        fix = f"correct {setting}.clouds_yaml{region}, or the entry {project.clouds_yaml} in clouds.yaml ({places})"
        yield Finding(subject, "bad", f"was not accepted: {error}", fix)
        return
    except OtherProjectError as error:
        says = f"is for project {error.name} ({error.identity}), but {setting}.project is {project.project}"
        yield Finding(subject, "bad", says, f"set {setting}.clouds_yaml to another entry, or {setting}.project: {error.name}")
        return
    visit.projects[role] = found.connection
    application = found.application_credential
    if application and application.get("restricted") and role == "compute":
        says = "is a restricted application credential, so Magnum's drivers cannot create their own with it"
        yield Finding(
            subject,
            "bad",
            says,
            "openstack application credential create --unrestricted <name>, then put its id and secret into clouds.yaml",
        )
    elif application and role == "compute":
        says = f"is an unrestricted application credential for project {found.name}"
        yield Finding(subject, "ok", says)
        fix = "use a password or OIDC entry if Magnum is 2026.1 or older and Keystone is from 2026-05 or later"
        yield Finding(subject, "unknown", "may be refused trusts by this Keystone; that cannot be checked", fix)
    else:
        yield Finding(subject, "ok", f"is for project {found.name}")
