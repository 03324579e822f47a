"""Which inputs force a replacement, and which the cloud chooses, according to the providers at their pinned versions. Nothing is guessed.

`python -m review.replacements` writes schema/replacements.json anew from what Pulumi and the providers' sources say:
  --schema openstack.json          as `pulumi package get-schema openstack@5.5.1` prints it (`willReplaceOnChanges`)
  --kubernetes diff.go 4.32.0      pulumi-kubernetes, provider/pkg/provider/diff.go at that tag: its schema does not say
  --random internal/provider/ 4.21.1   terraform-provider-random at the commit that pulumi-random pins: its schema does not say
"""

import argparse
import functools
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parent.parent / "schema" / "replacements.json"

Table = dict[str, list[str]]


@functools.cache
def known() -> dict[str, Any]:
    """The committed table: per package its `version`, `source` and `types`, input paths by type; without indices, `a.b`."""
    return json.loads(FILE.read_text(encoding="utf-8"))


def is_known(type_: str) -> bool:
    """Whether the table says what replaces a type."""
    package = type_.split(":", maxsplit=1)[0]
    if package == "kubernetes":
        # Everything outside its table changes in place, except the name.
        return True
    return type_ in known().get(package, {}).get("types", {})


def forcing(type_: str, path: str) -> str:
    """The input that forces a replacement of a type where `path` (`spec.selector.app`, without indices) changes, or ""."""
    package = type_.split(":", maxsplit=1)[0]
    found: list[str] = known().get(package, {}).get("types", {}).get(type_, [])
    if package == "kubernetes":
        found = [*found, "metadata.name", "metadata.namespace"]
    return next((each for each in found if path == each or path.startswith(f"{each}.") or each.startswith(f"{path}.")), "")


def is_computed(type_: str, path: str) -> bool:
    """Whether the cloud chooses this input if it is not given. Giving the chosen value later changes nothing."""
    return path in known().get(type_.split(":", maxsplit=1)[0], {}).get("computed", {}).get(type_, [])


def computed_by_openstack(schema: Mapping[str, Any]) -> Table:
    """From a provider's schema: the inputs that need not be given and are always put out."""
    return {
        type_: found
        for type_, resource in sorted(schema["resources"].items())
        if (
            found := sorted(
                ({*resource.get("required", ())} & resource.get("inputProperties", {}).keys()) - {*resource.get("requiredInputs", ())}
            )
        )
    }


def of_openstack(schema: Mapping[str, Any]) -> Table:
    """From a provider's schema: the inputs with `willReplaceOnChanges`, those of nested types too."""
    return {
        type_: sorted(_flagged(resource["inputProperties"], schema["types"], ""))
        for type_, resource in sorted(schema["resources"].items())
        if resource.get("inputProperties")
    }


def _flagged(properties: Mapping[str, Any], types: Mapping[str, Any], prefix: str, depth: int = 0) -> Iterator[str]:
    for name, each in properties.items():
        path = f"{prefix}{name}"
        if each.get("willReplaceOnChanges"):
            yield path
            continue
        inner = each.get("items", each)
        reference = inner.get("$ref", "").removeprefix("#/types/")
        if reference in types and depth < 4:
            yield from _flagged(types[reference].get("properties", {}), types, f"{path}.", depth + 1)


def of_kubernetes(source: str) -> Table:
    """From the maps `forceNew` and `core` of pulumi-kubernetes' diff.go. Pods are left out: nothing here registers one."""
    # Of both the provider replaces the object as long as it is not told that they are mutable: enableSecretMutable, enableConfigMapMutable.
    table: Table = {"kubernetes:core/v1:ConfigMap": ["binaryData", "data"], "kubernetes:core/v1:Secret": ["data", "stringData", "type"]}
    group = api = ""
    for line in _variable(source, "forceNew").splitlines():
        if found := re.match(r'\t"([a-z.0-9]+)": _versions', line):
            group = found[1]
        if found := re.match(r'\t\t"(v\w+)":', line):
            api = found[1]
        for kind, variable in re.findall(r'"([A-Z]\w+)":\s*([a-z]\w*)(?=[,}])', line):
            table[f"kubernetes:{group}/{api}:{kind}"] = _paths(_variable(source, variable))
    _, *kinds = re.split(r'^\t\t"(\w+)":', _variable(source, "core"), flags=re.MULTILINE)
    for kind, body in zip(kinds[::2], kinds[1::2], strict=True):
        if kind not in {"Pod", "Secret"}:
            table[f"kubernetes:core/v1:{kind}"] = _paths(body)
    (storage,) = re.findall(r'"StorageClass": properties\{(.*?)\}', source, re.DOTALL)
    return table | {"kubernetes:storage.k8s.io/v1:StorageClass": _paths(storage)}


def _variable(source: str, name: str) -> str:
    found = re.search(rf"^var {name} = (.*?^[)}}])", source, re.MULTILINE | re.DOTALL)
    if not found:
        raise ValueError(f"diff.go has no variable {name}: it has another form than at the tag that this was written for")
    return found[1]


def _paths(body: str) -> list[str]:
    return sorted(set(re.findall(r'"\.([^"]+)"', body)))


def of_random(folder: Path) -> Table:
    """From the plan modifiers of terraform-provider-random: the attributes with `RequiresReplace` in any form."""
    table = {}
    for path in sorted(folder.glob("resource_*.go")):
        if path.stem.endswith("_test"):
            continue
        kind = path.stem.removeprefix("resource_").capitalize()
        attributes = re.split(r'"([a-z_0-9]+)": schema\.', path.read_text(encoding="utf-8"))
        first: dict[str, str] = {}
        # A file has the schemas of earlier versions below the one of today.
        for name, body in zip(attributes[1::2], attributes[2::2], strict=True):
            first.setdefault(name, body)
        table[f"random:index/random{kind}:Random{kind}"] = sorted(_camel(name) for name, body in first.items() if "RequiresReplace" in body)
    return table


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def _main() -> None:
    parser = argparse.ArgumentParser(prog="review.replacements", description="Write schema/replacements.json anew.")
    parser.add_argument("--schema", type=Path, required=True, help="of openstack, as `pulumi package get-schema` prints it")
    parser.add_argument("--kubernetes", nargs=2, required=True, metavar=("DIFF_GO", "VERSION"))
    parser.add_argument("--random", nargs=2, required=True, metavar=("FOLDER", "VERSION"))
    options = parser.parse_args()
    schema = json.loads(options.schema.read_text(encoding="utf-8"))
    table = {
        "pulumi": {
            "version": options.kubernetes[1],
            "source": f"github.com/pulumi/pulumi-kubernetes v{options.kubernetes[1]}, provider/pkg/provider/provider.go: DiffConfig",
            "types": {
                "pulumi:providers:kubernetes": ["clusterIdentifier"],
                "pulumi:providers:openstack": [],
                "pulumi:providers:random": [],
            },
        },
        "openstack": {
            "version": schema["version"],
            "source": f"pulumi package get-schema openstack@{schema['version']}: willReplaceOnChanges",
            "types": of_openstack(schema),
            "computed": computed_by_openstack(schema),
        },
        "kubernetes": {
            "version": options.kubernetes[1],
            "source": f"github.com/pulumi/pulumi-kubernetes v{options.kubernetes[1]}, provider/pkg/provider/diff.go: forceNew",
            "types": of_kubernetes(Path(options.kubernetes[0]).read_text(encoding="utf-8")),
        },
        "random": {
            "version": options.random[1],
            "source": f"terraform-provider-random as pinned by pulumi-random v{options.random[1]}: RequiresReplace",
            "types": of_random(Path(options.random[0])),
        },
    }
    FILE.write_text(json.dumps(table, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    _main()
