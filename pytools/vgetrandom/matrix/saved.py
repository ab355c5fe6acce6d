"""The latest result of every cell, kept in the cache, and the document made from them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..document import markdown_table
from .cells import Cell
from .report import DRAWS, SCHEMA, cell_as_json
from .run import CellResult

BEGIN = "<!-- begin: written by vgetrandom matrix --document -->"
COLUMNS = (
    "cell",
    "result",
    "kernel",
    "page",
    "libc",
    "draws",
    "pages dropped",
    "forks",
    "asked",
    "cases",
    "QEMU",
    "date",
    "min",
)
_LEFT = 12  # columns
_DROPPING = ("memory_pageout", "step_drop")

Saved = Mapping[str, Any]  # a cell, as report.cell_as_json gives it


def save(found: Iterable[CellResult], profile: str, partly: bool, folder: Path) -> None:
    """Keep the results of the cells that ran; of some cases only (`partly`), where no run of all is kept."""
    folder.mkdir(parents=True, exist_ok=True)
    for result in found:
        path = _file(folder, result.cell.name)
        if result.outcome != "skip" and not (partly and _asked(path) == "all"):
            asked = "some" if partly else "all"
            document = {"schema": SCHEMA, "profile": profile, "asked": asked, **cell_as_json(result, profile)}
            path.write_text(json.dumps(document), encoding="utf-8")


def _asked(path: Path) -> str:
    """Which cases a kept result is of: all of the cell's, or some that -k chose; "" when there is none."""
    try:
        return str(json.loads(path.read_text(encoding="utf-8")).get("asked", ""))
    except (OSError, ValueError):
        return ""


def load(cells: Sequence[Cell], folder: Path) -> dict[str, Saved]:
    """By the names of cells; those that never ran are missing."""
    found = {}
    for cell in cells:
        try:
            document = json.loads(_file(folder, cell.name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if document.get("schema") == SCHEMA:
            found[cell.name] = document
    return found


def as_markdown(cells: Sequence[Cell], found: Mapping[str, Saved]) -> str:
    """A table of all cells, then what was not asked, and why."""
    lines = markdown_table(COLUMNS, [_row(cell, found.get(cell.name)) for cell in cells], _LEFT)
    reasons = _reasons(cells, found)
    if reasons:
        lines += ["", "Not run, failed or skipped:", "", *(f"- {reason}" for reason in reasons)]
    return "\n".join(lines)


def _file(folder: Path, name: str) -> Path:
    return folder / (re.sub(r"[^A-Za-z0-9.-]+", "-", name) + ".json")


def _row(cell: Cell, saved: Saved | None) -> tuple[str, ...]:
    if saved is None:
        return (cell.name, "not run", *["-"] * (len(COLUMNS) - 2))
    outcomes = {result["case"]: result["outcome"] for result in saved["results"][1:]}
    return (
        cell.name,
        saved["outcome"],
        saved["kernel"] or "-",
        f"{saved['page_size'] // 1024}K",
        saved["libc"] or "-",
        DRAWS.get(saved["status"], saved["status"] or "-"),
        _counts(outcomes[name] for name in _DROPPING if name in outcomes),
        _counts(outcome for name, outcome in outcomes.items() if name.startswith("fork_")),
        saved["asked"],
        _counts(outcomes.values()),
        saved["qemu"],
        saved["date"],
        f"{saved['seconds'] / 60:.1f}",
    )


def _counts(outcomes: Iterable[str]) -> str:
    listed = list(outcomes)
    return ", ".join(f"{listed.count(name)} {name}" for name in dict.fromkeys(sorted(listed))) or "-"


def _reasons(cells: Sequence[Cell], found: Mapping[str, Saved]) -> list[str]:
    """A sentence for each reason, with the cases and the cells that it holds for."""
    by_reason: dict[tuple[str, str], dict[str, list[str]]] = {}
    for cell in cells:
        saved = found.get(cell.name)
        if saved is None:
            by_reason.setdefault(("not run", cell.kernel.reason or "not yet"), {}).setdefault("", []).append(cell.name)
            continue
        for result in saved["results"]:
            if result["outcome"] != "pass":
                cases = by_reason.setdefault((result["outcome"], result["reason"]), {})
                cases.setdefault(result["case"], []).append(cell.name)
    return [
        f"{outcome}: {reason}: {', '.join(filter(None, cases))}{' in ' if any(cases) else ''}"
        f"{', '.join(dict.fromkeys(name for names in cases.values() for name in names))}"
        for (outcome, reason), cases in by_reason.items()
    ]
