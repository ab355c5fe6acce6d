"""The latest result of every cell, kept in the cache, and the document made from them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..conformance.results import GOOD
from ..output.document import markdown_table
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
    """Keep the results of the cells that ran.

    Those of some cases (`partly`) take the place of the same in a kept run of all with the same kernel and libc.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for result in found:
        if result.outcome == "skip":
            continue
        path = _file(folder, result.cell.name)
        kept = _read(path)
        asked = "some" if partly else "all"
        latest: Saved = {"schema": SCHEMA, "profile": profile, "asked": asked, **cell_as_json(result, profile)}
        if partly and kept.get("asked") == "all":
            if any(kept[name] != latest[name] for name in ("profile", "kernel", "libc")):
                continue
            latest = _merged(kept, latest)
        path.write_text(json.dumps(latest), encoding="utf-8")


def _merged(kept: Saved, latest: Saved) -> Saved:
    fresh = {result["case"]: result for result in latest["results"]}
    results = [fresh.pop(result["case"], result) for result in kept["results"]] + list(fresh.values())
    bad = [result["reason"] for result in results if result["outcome"] not in GOOD]
    return {**kept, "results": results, "outcome": "fail" if bad else "pass", "reason": bad[0] if bad else ""}


def _read(path: Path) -> Saved:
    """What is kept of a cell; nothing when there is nothing that this version could have written."""
    try:
        document: Saved = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return document if document.get("schema") == SCHEMA else {}


def load(cells: Sequence[Cell], folder: Path) -> dict[str, Saved]:
    """By the names of cells; those that never ran are missing."""
    found = {cell.name: _read(_file(folder, cell.name)) for cell in cells}
    return {name: saved for name, saved in found.items() if saved}


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
