"""Zeppelin's `shiro.ini`: who may log in, and by what. Plain functions, no resource."""

import base64
import hashlib
from collections.abc import Mapping, Sequence

from components.files import text
from settings.values.login import LdapLogin

SHIRO_ITERATIONS = 1000
"""Iterations of a password's hash. Shiro's own 500 000 stretch what people think up; these passwords are 24 random letters and digits, and
a stack hashes one per person on every run."""


def shiro_hash(password: str, salt: bytes, iterations: int = SHIRO_ITERATIONS) -> str:
    """A password in Shiro's own format, `$shiro1$SHA-256$<iterations>$<salt>$<digest>`, both base64.

    Source: org.apache.shiro.crypto.hash.SimpleHash of Shiro 1.13: the salt is digested before the password, and each further
    iteration digests the digest.
    """
    digest = hashlib.sha256(salt + password.encode()).digest()
    for _ in range(iterations - 1):
        digest = hashlib.sha256(digest).digest()
    return f"$shiro1$SHA-256${iterations}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def shiro_ini(known: Mapping[str, str] | LdapLogin, administrators: Sequence[str], bind_password: str, *, secure: bool) -> str:
    """Zeppelin's shiro.ini.

    known: login names, to passwords as `shiro_hash` writes them; or a directory. administrators: those of the login names with the role.
    bind_password: of the directory's `bind_dn`. secure: whether the session cookie goes by https alone.
    """
    realms, users = _directory(known, bind_password) if isinstance(known, LdapLogin) else _people(known, administrators)
    result = text("zeppelin/files/shiro.ini")
    for key, value in {"realms": realms, "users": users, "cookie_secure": str(secure).lower()}.items():
        result = result.replace(f"@{key}@", value)
    return result


def _people(hashes: Mapping[str, str], administrators: Sequence[str]) -> tuple[str, str]:
    """The lines of [main], and the sections, for people with a password of the stack."""
    realms = [
        "passwordMatcher = org.apache.shiro.authc.credential.PasswordMatcher",
        "iniRealm.credentialsMatcher = $passwordMatcher",
        "securityManager.realms = $iniRealm",
    ]
    users = [f"{name} = {hashed}{', admin' if name in administrators else ''}" for name, hashed in hashes.items()]
    return "\n".join(realms), "\n".join(["[users]", *users, "", "[roles]", "admin = *", ""])


def _directory(ldap: LdapLogin, bind_password: str) -> tuple[str, str]:
    """The lines of [main] for people whom a directory knows, and no section. Source: org.apache.zeppelin.realm.LdapRealm, 0.12.1."""
    lines = [
        "ldapRealm = org.apache.zeppelin.realm.LdapRealm",
        f"ldapRealm.contextFactory.url = {ldap.url}",
        "ldapRealm.contextFactory.authenticationMechanism = simple",
        f"ldapRealm.userDnTemplate = {ldap.user_dn_template}",
        "ldapRealm.authorizationEnabled = true",
        f"ldapRealm.searchBase = {ldap.group_search_base}",
        f"ldapRealm.groupSearchBase = {ldap.group_search_base}",
        "ldapRealm.groupObjectClass = groupofnames",
        f"ldapRealm.memberAttributeValueTemplate = {ldap.user_dn_template}",
        f"ldapRealm.rolesByGroup = {ldap.administrators_group}: admin",
        "securityManager.realms = $ldapRealm",
    ]
    if ldap.bind_dn:
        # Shiro takes a value that begins with a dollar sign for the name of an object.
        password = f"\\{bind_password}" if bind_password.startswith("$") else bind_password
        lines += [
            f"ldapRealm.contextFactory.systemUsername = {ldap.bind_dn}",
            f"ldapRealm.contextFactory.systemPassword = {password.strip()}",
        ]
    return "\n".join(lines), ""
