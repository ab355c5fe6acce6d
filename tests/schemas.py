"""Whether what a verb prints as JSON is what its schema says, and nothing that the schema does not describe."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import vgetrandom

FOLDER = Path(vgetrandom.__file__).parent / "schemas"


def read_schema(name: str) -> dict[str, Any]:
    """A published schema: of a verb, of its list ("conform-list"), "report" or "error"."""
    schema: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return schema


def require_form(name: str, document: object) -> None:
    """Fails where the document is not of the form, or has a key that the schema lacks.

    The published schema lets new keys come, as users have to. A new key of ours has to be described.
    """
    validator = jsonschema.Draft202012Validator(closed(read_schema(name)))
    wrong = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)]
    assert not wrong, f"schemas/{name}.json: " + "\n".join(wrong)


def closed(schema: Any) -> Any:
    """The same schema with no keys but those that it names."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    strict = {key: closed(part) for key, part in schema.items()}
    if isinstance(schema.get("properties"), dict):
        strict["additionalProperties"] = False
    return strict


def parts(schema: Any) -> list[dict[str, Any]]:
    """Every schema within a schema that says what one value is: of a key, an item or a definition."""
    found = [schema]
    for key in ("properties", "$defs"):
        for part in schema.get(key, {}).values():
            found += parts(part)
    for key in ("items", "additionalProperties"):
        if key in schema:
            found += parts(schema[key])
    return found
