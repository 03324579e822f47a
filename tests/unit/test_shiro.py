"""Who may log in: the hash of a password, and Zeppelin's shiro.ini."""

import re

import pytest

from components.zeppelin.shiro import shiro_hash, shiro_ini
from settings.values.login import LdapLogin


class TestLogin:
    def test_the_hash_is_shiros_own(self):
        """The vector was accepted by Shiro 1.13's DefaultPasswordService and by a login through PasswordMatcher."""
        assert shiro_hash("6pxdUcpIQb9lsfh9", bytes(range(16)), 500_000) == (
            "$shiro1$SHA-256$500000$AAECAwQFBgcICQoLDA0ODw==$gfakJg5ASogjHxoDaGCUU5E1X9zZcsC7raZqMMg7XOw="
        )

    def test_salt_and_password_both_count(self):
        hashes = {shiro_hash(password, salt, 10) for password in ("a", "b") for salt in (b"1", b"2")}
        assert len(hashes) == 4

    @pytest.mark.parametrize("secure", [True, False])
    def test_people_with_passwords_of_the_stack(self, secure):
        ini = shiro_ini({"admin": "$shiro1$x", "bob@b.org": "$shiro1$y"}, ["admin"], "", secure=secure)
        assert "\n[users]\nadmin = $shiro1$x, admin\nbob@b.org = $shiro1$y\n" in ini
        assert f"cookie.secure = {str(secure).lower()}\n" in ini
        assert "securityManager.realms = $iniRealm\n" in ini
        assert not re.search(r"@[a-z_]+@", ini)
        rules = ini.split("[urls]")[1].strip().splitlines()
        assert rules[0] == "/api/version = anon"  # the readiness probe
        assert rules[-1] == "/** = authc"
        assert "/api/interpreter/** = authc, roles[admin]" in rules

    def test_a_directory_stands_alone(self):
        """Zeppelin refuses to work with both: "IniRealm/password based auth mechanisms should be exclusive" (seen)."""
        ldap = LdapLogin(
            kind="ldap",
            url="ldaps://ldap.example.org",
            user_dn_template="uid={0},ou=people",
            group_search_base="ou=groups",
            administrators_group="gaia-admins",
            bind_dn="cn=reader",
        )
        ini = shiro_ini(ldap, [], "$ecret\n", secure=True)
        assert "iniRealm" not in ini
        assert "[users]" not in ini
        assert "ldapRealm.userDnTemplate = uid={0},ou=people\n" in ini
        assert "ldapRealm.rolesByGroup = gaia-admins: admin\n" in ini
        # Shiro would take `$ecret` for the name of an object.
        assert "ldapRealm.contextFactory.systemPassword = \\$ecret\n" in ini
        assert "systemPassword" not in shiro_ini(ldap.model_copy(update={"bind_dn": None}), [], "", secure=True)
