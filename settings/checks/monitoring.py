"""The person as whom the smoke test comes: a name and a password that go with the login."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from settings.values.login import LdapLogin, slug
from settings.values.vocabulary import Problem

if TYPE_CHECKING:
    from settings.stack import StackSettings


def problems(stack: "StackSettings") -> Iterator[Problem]:
    if stack.monitoring is None:
        return
    smoke, zeppelin = stack.monitoring.smoke_test, stack.zeppelin
    path, login = ("monitoring", "smoke_test"), (("zeppelin", "login"),)
    if slug(smoke.user) in {slug(name) for name in (zeppelin.administrator, *(person.name for person in zeppelin.people))}:
        yield Problem((*path, "user"), "is the login name of a person", "a name of its own", (("zeppelin", "people"),))
    ldap = isinstance(zeppelin.login, LdapLogin)
    if ldap and not smoke.password_secret:
        yield Problem((*path, "password_secret"), "is missing: the directory knows the password", "name of a config key", login)
    if not ldap and smoke.password_secret:
        yield Problem((*path, "password_secret"), "has no use: the stack makes the password", "no value, or login ldap", login)
