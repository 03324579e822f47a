"""The account of the smoke test: its name and password must suit the kind of login."""

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
        yield Problem((*path, "user"), "is already the login name of a person", "a unique name", (("zeppelin", "people"),))
    ldap = isinstance(zeppelin.login, LdapLogin)
    if ldap and not smoke.password_secret:
        yield Problem((*path, "password_secret"), "is missing: the directory decides this password", "the name of a config key", login)
    if not ldap and smoke.password_secret:
        yield Problem(
            (*path, "password_secret"),
            "has no effect: the stack generates this password",
            "no value, or zeppelin.login of kind ldap",
            login,
        )
