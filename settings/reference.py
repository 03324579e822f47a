"""The JSON Schema and the reference page of stack files, both made from the models. `python -m settings.reference` writes them."""

import json
from pathlib import Path
from typing import Any

from settings.stack import StackSettings
from settings.values.sites import SITES, CephRouter
from settings.values.vocabulary import PROJECT

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = ROOT / "schema" / "stack-file.schema.json"
PAGE = ROOT / "docs" / "reference" / "stack-file.md"


def stack_file_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a stack file, for editors."""
    models = StackSettings.model_json_schema()
    sections = {f"{PROJECT}:{name}": schema for name, schema in models["properties"].items()}
    secret = {
        "type": "object",
        "properties": {"secure": {"type": "string"}},
        "required": ["secure"],
        "additionalProperties": False,
        "description": "A secret that a *_secret setting names, as `pulumi config set --secret` writes it.",
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Stack file of gaia-dmp",
        "type": "object",
        "required": ["config"],
        "additionalProperties": False,
        "properties": {
            "config": {
                "type": "object",
                "required": [f"{PROJECT}:{name}" for name in models["required"]],
                "properties": {"pulumi:disable-default-providers": {"type": "array", "items": {"type": "string"}}} | sections,
                "patternProperties": {f"^{PROJECT}:(?!({'|'.join(models['properties'])})$)[A-Za-z][A-Za-z0-9_-]*$": secret},
                "additionalProperties": False,
            },
            "secretsprovider": {"type": "string"},
            "encryptedkey": {"type": "string"},
            "encryptionsalt": {"type": "string"},
            "environment": {"type": "array"},
        },
        "$defs": models["$defs"],
    }


def reference_page() -> str:
    """Every setting with its form, default and description, as Markdown."""
    schema = StackSettings.model_json_schema()
    lines = [
        "# Stack files: every setting",
        "",
        "Made by `make docs` from `settings/`. A stack file is `Pulumi.<stack>.yaml`; below its key `config` stands one key",
        f"`{PROJECT}:<section>` per section. Unknown keys are refused. Sizes are in GiB (2^30 bytes).",
        "",
        "## Sections",
        "",
        *_table(schema, schema["$defs"]),
    ]
    for name, definition in sorted(schema["$defs"].items()):
        if "properties" in definition:
            lines += ["", f"## {name}", "", " ".join(definition.get("description", "").split()), "", *_table(definition, schema["$defs"])]
    lines += [
        "",
        "## Known sites",
        "",
        "| name | external network | share type | Octavia | Ceph network | routes to Ceph |",
        "|---|---|---|---|---|---|",
    ]
    for name, site in SITES.items():
        routes = (
            ", ".join(f"{r.destination}" + (f" via {r.next_hop}" if r.next_hop else "") for r in site.ceph.routes)
            if isinstance(site.ceph, CephRouter)
            else ""
        )
        ceph = site.ceph.network if site.ceph else ""
        lines.append(f"| {name} | {site.external_network} | {site.share_type} | {site.octavia_provider} | {ceph} | {routes} |")
    return "\n".join(lines) + "\n"


def _table(definition: dict[str, Any], definitions: dict[str, Any]) -> list[str]:
    rows = ["| setting | form | default | meaning |", "|---|---|---|---|"]
    required = definition.get("required", [])
    for name, field in definition["properties"].items():
        default = "required" if name in required else f"`{json.dumps(field['default'])}`" if _short(field.get("default")) else "see there"
        # pydantic leaves out a field's description where it says the same as that of its model.
        model = definitions.get(field.get("$ref", "").rsplit("/", 1)[-1], {})
        meaning = " ".join(field.get("description", model.get("description", "")).split()).replace("|", "\\|")
        rows.append(f"| `{name}` | {_form(field)} | {default} | {meaning} |")
    return rows


def _short(value: Any) -> bool:
    return not isinstance(value, dict | list) or len(json.dumps(value)) < 60


def _form(field: dict[str, Any]) -> str:
    """The form of a value in few words, with links to the models it is made of."""
    if "$ref" in field:
        name = field["$ref"].rsplit("/", 1)[-1]
        return f"[{name}](#{name.lower()})"
    if "discriminator" in field:
        return " or ".join(
            f"`kind: {tag}` [{ref.rsplit('/', 1)[-1]}](#{ref.rsplit('/', 1)[-1].lower()})"
            for tag, ref in field["discriminator"]["mapping"].items()
        )
    if "anyOf" in field:
        return " or ".join(_form(option) for option in field["anyOf"] if option.get("type") != "null")
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if "const" in field:
        return f"`{field['const']}`"
    match field.get("type"):
        case "integer":
            low, high = field.get("minimum"), field.get("maximum")
            return "whole number" + (f", {low} to {high}" if low is not None and high is not None else "")
        case "array":
            return f"list of {_form(field['items'])}"
        case "object":
            return "mapping, text to text"
        case "boolean":
            return "`true` or `false`"
        case kind:
            return {"ipv4": "IPv4 address", "ipv4network": "IPv4 network"}.get(
                field.get("format", ""), "text" if kind == "string" else str(kind)
            )


def files() -> dict[Path, str]:
    """Every generated file with its text."""
    return {SCHEMA: json.dumps(stack_file_schema(), indent=2) + "\n", PAGE: reference_page()}


if __name__ == "__main__":
    for path, text in files().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
