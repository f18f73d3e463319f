"""JSON against a JSON Schema, as tests look at it."""

from __future__ import annotations

from typing import Any

__all__ = ["valid"]


def valid(value: Any, rule: dict[str, Any], where: str = "$", root: dict[str, Any] | None = None) -> list[str]:
    """What of a JSON value is not as a schema says: as much of JSON Schema as ours use."""
    root = rule if root is None else root
    rule = root["$defs"][rule["$ref"].rpartition("/")[2]] if "$ref" in rule else rule
    if "oneOf" in rule:
        return (
            []
            if sum(not valid(value, one, where, root) for one in rule["oneOf"]) == 1
            else [f"{where}: none of several"]
        )
    if "const" in rule or "enum" in rule:
        return [] if value in rule.get("enum", [rule.get("const")]) else [f"{where}: {value!r}"]
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "boolean": bool}
    named = rule["type"] if isinstance(rule["type"], list) else [rule["type"]]
    fits = any(
        value is None
        if kind == "null"
        else isinstance(value, kinds[kind]) and (kind == "boolean") == isinstance(value, bool)
        for kind in named
    )
    if not fits:
        return [f"{where}: {value!r} is not {named}"]
    if isinstance(value, list):
        return [x for i, one in enumerate(value) for x in valid(one, rule["items"], f"{where}[{i}]", root)]
    if not isinstance(value, dict):
        return []
    own, rest = rule.get("properties", {}), rule.get("additionalProperties", True)
    wrong = [f"{where}: no {key}" for key in rule.get("required", ()) if key not in value]
    for key, one in value.items():
        if key in own:
            wrong += valid(one, own[key], f"{where}.{key}", root)
        elif rest is False:
            wrong.append(f"{where}: unknown {key}")
        elif isinstance(rest, dict):
            wrong += valid(one, rest, f"{where}.{key}", root)
    return wrong
