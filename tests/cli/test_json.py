"""What each verb prints with --json, against its published schema (pytools/vgetrandom/schemas/).

Verbs that need a guest are asked where their guests are: matrix in tests/matrix/, clones in tests/clones/.
"""

from __future__ import annotations

import argparse
import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from command import Vgetrandom
from drawing import draws
from observe.observable import skip_where_nobody_may_observe
from schemas import FOLDER, closed, parts, read_schema, require_form
from vgetrandom.cli import VERBS
from vgetrandom.preload.library import reporter_beside

DRAWS = draws(100)


def has_json(verb: str) -> bool:
    parser = argparse.ArgumentParser()
    importlib.import_module(f"vgetrandom.cli.{verb}").add_arguments(parser)
    return "--json" in parser.format_help()


WITH_JSON = {verb for verb in VERBS if has_json(verb)}
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))


def document_of(result: subprocess.CompletedProcess[str], *statuses: int) -> dict[str, Any]:
    assert result.returncode in statuses, result.stderr
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def test_every_verb_that_has_json_has_a_schema() -> None:
    assert WITH_JSON | {"report", "error"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_one_and_describes_every_key(name: str) -> None:
    schema = read_schema(name)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert all(part["description"].endswith(".") for part in parts(schema))
    assert set(schema["required"]) <= set(schema["properties"])
    number = schema["properties"].get("schema", {}).get("const")
    assert schema["$id"] == (f"urn:vgetrandom:{name}:{number}" if number else f"urn:vgetrandom:{name}")


def test_a_key_that_is_missing_new_or_of_another_kind_is_seen() -> None:
    good = {"schema": 1, "error": "it is wrong"}
    require_form("error", good)
    for bad in ({"schema": 1}, {**good, "more": 1}, {**good, "error": 2}, {**good, "schema": "1"}):
        with pytest.raises(AssertionError, match=r"schemas/error\.json"):
            require_form("error", bad)
    nested = {"type": "array", "items": {"properties": {"a": {"type": ["object", "null"], "properties": {}}}}}
    assert closed(nested)["items"]["properties"]["a"]["additionalProperties"] is False


def test_doctor(vgetrandom: Vgetrandom) -> None:
    require_form("doctor", document_of(vgetrandom("doctor", "--json"), 0, 1))
    require_form("doctor", document_of(vgetrandom("doctor", "--json", VGETRANDOM="lock,nonsense"), 0, 1))


def test_scan(vgetrandom: Vgetrandom, tmp_path: Path) -> None:
    (tmp_path / "broken").write_bytes(b"\x7fELF")
    (tmp_path / "script").write_text("#!/bin/sh\n")
    found = document_of(vgetrandom("scan", "--json", sys.executable, tmp_path, "/nowhere"), 0, 1, 2)
    require_form("scan", found)
    assert found["files"] and found["problems"]


@pytest.mark.parametrize(
    "words",
    [
        ("--reached", "--", sys.executable, "-c", DRAWS),
        ("--once", "--", sys.executable, "-c", DRAWS),
        ("--repeat", "8", "--", "true"),
        ("--reached", "--", "sh", "-c", "kill -9 $$"),
    ],
)
def test_check(vgetrandom: Vgetrandom, words: tuple[str, ...]) -> None:
    require_form("check", document_of(vgetrandom("check", "--json", *words), 0, 1))


def test_status(vgetrandom: Vgetrandom, library: Path) -> None:
    waits = [sys.executable, "-c", f"{DRAWS}; print(flush=True); input()"]
    environment = {"LD_PRELOAD": str(library), "VGETRANDOM": "nobulk"}
    with subprocess.Popen(waits, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        process.stdout.readline()
        everybody = document_of(vgetrandom("status", "--json"), 0)
        one = document_of(vgetrandom("status", "--json", process.pid), 0)
        process.communicate("\n")
    require_form("status", everybody)
    require_form("status", one)
    assert process.pid in [entry["pid"] for entry in everybody["processes"]]
    (entry,) = one["processes"]
    assert entry["mappings"] or entry["status"] != "active"


def test_observe(vgetrandom: Vgetrandom) -> None:
    skip_where_nobody_may_observe()
    require_form("observe", document_of(vgetrandom("observe", "--json", "--seconds", "1"), 0, 1))


def test_an_error_of_observe(vgetrandom: Vgetrandom) -> None:
    require_form("error", document_of(vgetrandom("observe", "--json", "--seconds", "0"), 2))


def test_conform(vgetrandom: Vgetrandom) -> None:
    words = ("native", "shim", "-k", "interface_zero_length,interface_cost")
    require_form("conform", document_of(vgetrandom("conform", "--json", *words), 0))


def test_bench(vgetrandom: Vgetrandom, tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    words = ("--quick", "--only", "syscall,libc", "--measure", "latency", "--json", file)
    assert vgetrandom("bench", *words).returncode == 0
    require_form("bench", json.loads(file.read_text()))


def test_report(vgetrandom: Vgetrandom, library: Path, tmp_path: Path) -> None:
    file = tmp_path / "report"
    vgetrandom("run", "--report", file, "--", sys.executable, "-c", DRAWS)
    unserved = {"LD_PRELOAD": str(reporter_beside(library)), "VGETRANDOM_REPORT": str(file)}
    subprocess.run([sys.executable, "-c", DRAWS], env=unserved, check=True)
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert len(lines) == 2
    for line in lines:
        require_form("report", line)
