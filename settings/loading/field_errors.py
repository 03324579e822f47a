"""What pydantic finds about single keys, as sentences for an engineer."""

import ipaddress
from typing import Any

from settings.loading.refusal import Finding, key_text, nearest, shown, unknown_key
from settings.loading.schema import accepted_by, locate, siblings

_SENTENCES = {
    "int_type": "is no whole number",
    "int_parsing": "is no whole number",
    "string_type": "is no text",
    "bool_type": "is neither true nor false",
    "model_type": "is no mapping",
    "model_attributes_type": "is no mapping",
    "dict_type": "is no mapping",
    "tuple_type": "is no list",
    "literal_error": "is none of the accepted values",
    "string_pattern_mismatch": "has not the form that is wanted",
}


def of_field(error: Any) -> Finding:
    """One of pydantic's `ValidationError.errors()` as a finding."""
    path, schema = locate(error["loc"])
    kind, value = error["type"], error.get("input")
    if kind == "extra_forbidden":
        return unknown_key(key_text(path), value, siblings(error["loc"]), key_text(path[:-1]))
    if kind == "missing":
        return Finding(key_text(path), "is missing", accepted_by(schema))
    if kind in ("union_tag_not_found", "union_tag_invalid"):
        tag = value.get("kind") if isinstance(value, dict) else value
        tags = ", ".join(schema.get("discriminator", {}).get("mapping", {}))
        if not isinstance(value, dict):
            return Finding(key_text(path), "is no mapping", f"a mapping whose kind is one of {tags}", shown(value))
        near = nearest(str(tag), tags.split(", "))
        hint = f"is no kind of {key_text(path)}" + (f"; did you mean {near}?" if near else "")
        return Finding(key_text((*path, "kind")), "is missing" if tag is None else hint, tags, shown(tag))
    return Finding(key_text(path), _sentence(error), accepted_by(schema), shown(value, path[-1] if path else ""))


def _sentence(error: Any) -> str:
    if error["type"] in _SENTENCES:
        return _SENTENCES[error["type"]]
    message = error["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    value = error.get("input")
    if error["type"] == "ip_v4_network" and isinstance(value, str):
        try:
            return f"has bits set outside its prefix; did you mean {ipaddress.IPv4Network(value, strict=False)}?"
        except ValueError:
            pass
    return message if message != error["msg"] else message[:1].lower() + message[1:]
