"""Pydantic's errors about single keys, as sentences for an engineer."""

import ipaddress
import re
from typing import Any

from settings.loading.refusal import Finding, key_text, nearest, shown, unknown_key
from settings.loading.schema import accepted_by, locate, siblings

_SENTENCES = {
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "model_type": "must be a mapping",
    "model_attributes_type": "must be a mapping",
    "dict_type": "must be a mapping",
    "tuple_type": "must be a list",
    "literal_error": "must be one of the accepted values",
    "string_pattern_mismatch": "does not have the accepted form",
}
"""Kind of pydantic's error to the sentence for it."""


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
            return Finding(key_text(path), "must be a mapping", f"a mapping whose kind is one of {tags}", shown(value))
        near = nearest(str(tag), tags.split(", "))
        hint = "must be one of the accepted kinds" + (f"; did you mean {near}?" if near else "")
        return Finding(key_text((*path, "kind")), "is missing" if tag is None else hint, tags, shown(tag))
    return Finding(key_text(path), _sentence(error, schema), accepted_by(schema), shown(value, path[-1] if path else ""))


def _sentence(error: Any, schema: dict[str, Any]) -> str:
    kind, value = error["type"], error.get("input")
    if schema.get("format") == "ipv4":
        return "must be an IPv4 address"
    if schema.get("format") == "ipv4network":
        try:
            return f"has bits set outside its prefix; did you mean {ipaddress.IPv4Network(str(value), strict=False)}?"
        except ValueError:
            return "must be an IPv4 network"
    if kind in _SENTENCES:
        return _SENTENCES[kind]
    # "Input should be less than 10", "Tuple should have at least 1 item after validation, not 0", and our own validators' sentences.
    message = re.sub(r"^\w+ should ", "must ", error["msg"].removeprefix("Value error, ")).partition(" after validation")[0]
    return message.replace(" items", " characters") if isinstance(value, str) else message
