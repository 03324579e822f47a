"""Settings of the login: who may use Zeppelin, and how they prove who they are."""

import re
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from settings.values.vocabulary import ConfigKey, GiB, LoginName, ObjectName, Problem, Settings


class Person(Settings):
    """One person, one line. Who is listed has interpreters, executors and limits of their own."""

    name: Annotated[LoginName, Field(examples=["alice"])]
    """Login name, unique in the stack."""

    administrator: bool = False
    """Whether this person may change interpreter settings: true or false. With login ldap the directory's group says it."""

    space_gib: GiB | None = None
    """Size of this person's `/user/<name>`, in GiB; by default `user_space.size_gib`."""


class LocalLogin(Settings):
    """Zeppelin knows the people of the stack file; their passwords are made by the stack."""

    kind: Literal["local"]
    """Passwords made by the stack, `pulumi stack output passwords --show-secrets`."""


class LdapLogin(Settings):
    """A directory knows who may log in. Who is not listed in `people` may too, and shares the limits of the whole stack."""

    kind: Literal["ldap"]
    """An LDAP directory, in place of passwords of the stack: Zeppelin takes no both."""

    url: Annotated[str, Field(pattern=r"^ldaps?://[A-Za-z0-9.-]+(:\d{1,5})?$", examples=["ldaps://ldap.example.org:636"])]
    """Address of the directory. Let `outside.egress` lead the server there."""

    user_dn_template: Annotated[
        str, Field(pattern=r"^[^\n{}]*\{0\}[^\n{}]*$", max_length=500, examples=["uid={0},ou=people,dc=example,dc=org"])
    ]
    """Distinguished name of a person, with {0} for the login name; the login binds as it."""

    group_search_base: Annotated[ObjectName, Field(examples=["ou=groups,dc=example,dc=org"])]
    """Where groups (groupOfNames) are."""

    administrators_group: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$", examples=["gaia-admins"])]
    """Group whose members are administrators."""

    bind_dn: ObjectName | None = None
    """Distinguished name that searches for groups, where the directory does not let everybody."""

    bind_password_secret: ConfigKey | None = None
    """Name of the config key that holds the password of `bind_dn`: pulumi config set --secret gaia-dmp:<this name>."""

    def problems(self) -> Iterator[Problem]:
        for one, other in (("bind_dn", "bind_password_secret"), ("bind_password_secret", "bind_dn")):
            if getattr(self, one) and not getattr(self, other):
                yield Problem((other,), f"is missing, and {one} has no use without it", f"a value, or no {one}", ((one,),))


Login = Annotated[LocalLogin | LdapLogin, Field(discriminator="kind")]


def slug(name: str) -> str:
    """A person's name as part of Kubernetes names: lower-case letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def people_problems(people: tuple[Person, ...], administrator: str) -> Iterator[Problem]:
    """What is wrong between the names of people: two that become one in the names of accounts."""
    taken = {slug(administrator): f"the administrator {administrator}"}
    for index, person in enumerate(people):
        other = taken.setdefault(slug(person.name), f"people[{index}] {person.name}")
        if other != f"people[{index}] {person.name}":
            yield Problem(("people", index, "name"), f"has the account {slug(person.name)} of {other}", "a name of its own")
