"""The rights of accounts, as a set that can be subtracted."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from policy.objects import metadata, objects
from recording import Recording


@dataclass(frozen=True, order=True)
class Grant:
    """One account may use one verb on one resource. namespace: `*` for all. names: the objects that it is limited to, () for all."""

    account: str
    namespace: str
    verb: str
    resource: str
    names: tuple[str, ...] = ()

    def covers(self, other: "Grant") -> bool:
        """Whether this right includes the other."""
        return (
            self.account == other.account
            and self.namespace in {"*", other.namespace}
            and self.verb in {"*", other.verb}
            and (self.resource in {"*", other.resource} or (self.resource.endswith("/*") and other.resource.startswith(self.resource[:-1])))
            and (not self.names or (bool(other.names) and set(other.names) <= set(self.names)))
        )


def grants(recording: Recording | None) -> set[Grant]:
    """Every right that bindings give, by account, namespace, verb and `group/resource` (`pods`, `apps/deployments`)."""
    roles = {
        (each.inputs["kind"], metadata(each).get("namespace", ""), metadata(each)["name"]): each.inputs.get("rules") or []
        for each in objects(recording, "Role", "ClusterRole")
    }
    found = set()
    for binding in objects(recording, "RoleBinding", "ClusterRoleBinding"):
        reference = binding.inputs.get("roleRef") or {}
        where = "*" if binding.inputs["kind"] == "ClusterRoleBinding" else str(metadata(binding).get("namespace", ""))
        key = reference.get("kind"), where if reference.get("kind") == "Role" else "", reference.get("name")
        # What a role outside the stack grants is unknown here, so it is named instead.
        rules = roles.get(key) or [{"verbs": [f"whatever {reference.get('kind')} {reference.get('name')} says"], "resources": ["*"]}]
        for subject in binding.inputs.get("subjects") or []:
            account = (
                f"{subject.get('namespace', '')}/{subject.get('name')}"
                if subject.get("kind") == "ServiceAccount"
                else str(subject.get("name"))
            )
            found |= {Grant(account, where, *rest) for rule in rules for rest in _of_rule(rule)}
    return found


def _of_rule(rule: Mapping[str, Any]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    names = tuple(sorted(rule.get("resourceNames") or ()))
    for verb in rule.get("verbs") or ():
        for resource in rule.get("resources") or ():
            for group in rule.get("apiGroups") or ("",):
                yield verb, f"{group}/{resource}" if group and group != "*" else resource, names
        for url in rule.get("nonResourceURLs") or ():
            yield verb, url, ()


def gained(before: set[Grant], after: set[Grant]) -> list[Grant]:
    """What is granted now and was not before."""
    return sorted(grant for grant in after - before if not any(other.covers(grant) for other in before))
