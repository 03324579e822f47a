"""Who logs in to Zeppelin: their passwords, the shiro.ini with the hashes of these, and the key of what people store."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_random as random

from components.zeppelin.shiro import shiro_hash, shiro_ini
from settings.values.login import LdapLogin


@dataclass(frozen=True, kw_only=True)
class LoginArgs:
    """What a login needs."""

    people: Sequence[str]
    """Login names. They get passwords of the stack, where no directory knows them."""

    administrators: Sequence[str] = ()
    """Those of the people who are administrators."""

    ldap: LdapLogin | None = None
    """The directory that knows people, or None."""

    ldap_password: pulumi.Input[str] = ""
    """Password of a directory's `bind_dn` (secret)."""

    secure: bool
    """Whether the session cookie goes by https alone."""

    password_generation: int = 1
    """One more, and everybody has a new password."""


@dataclass(frozen=True, kw_only=True)
class Login:
    """A login that is made."""

    passwords: pulumi.Output[dict[str, str]]
    """Passwords by login name, the administrator's first (secret); none where a directory has them."""

    shiro_ini: pulumi.Output[str]
    """Zeppelin's shiro.ini (secret)."""

    credentials_key: pulumi.Output[str]
    """The key by which Zeppelin encrypts what people store (secret)."""


def make_login(name: str, args: LoginArgs, parent: pulumi.Resource) -> Login:
    """Make the passwords and what is made of them. Creates: RandomPassword for each person, RandomBytes, RandomPassword.

    name: of the server's component.
    """
    child = pulumi.ResourceOptions(parent=parent)
    # With an LDAP directory, Zeppelin cannot use generated passwords as well.
    made = {
        person: random.RandomPassword(
            f"{name}-password-{person}", length=24, special=False, keepers=generation(args.password_generation), opts=child
        ).result
        for person in (() if args.ldap else args.people)
    }
    salt = random.RandomBytes(f"{name}-salt", length=16, opts=child)
    # Zeppelin encrypts stored credentials by AES, with a key of 16 characters.
    key = random.RandomPassword(f"{name}-credentials-key", length=16, special=False, opts=child)
    passwords = pulumi.Output.secret(pulumi.Output.all(**made))

    def ini(known: Mapping[str, str], salt_of_stack: str, ldap_password: str) -> str:
        hashes = args.ldap or {person: shiro_hash(password, _salt(salt_of_stack, person)) for person, password in known.items()}
        return shiro_ini(hashes, args.administrators, ldap_password, secure=args.secure)

    rendered = pulumi.Output.all(passwords, salt.base64, args.ldap_password).apply(lambda given: ini(*given))
    return Login(passwords=passwords, shiro_ini=pulumi.Output.secret(rendered), credentials_key=key.result)


def generation(number: int) -> dict[str, str] | None:
    """What a random value is kept for. The first generation has nothing to be kept for, as values had that are older than generations."""
    return {"generation": str(number)} if number > 1 else None


def _salt(salt: str, person: str) -> bytes:
    """A salt of 16 bytes for one person, from the stack's own."""
    return hashlib.sha256(base64.b64decode(salt) + person.encode()).digest()[:16]
