"""The results of a run as tables and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..output.document import markdown_table
from .compare import Repeats
from .contenders import Contender
from .run import OWN, CellResult, Trial
from .verdict import Verdict, outcome

SCHEMA = 1
BEGIN = "<!-- begin: written by vgetrandom clones --document -->"
COLUMNS = ("contender", "repeats", "draws", "repeated", "begun late", "us", "first new", "same guid", "no device")
LEFT = 2  # columns


def heading(cell: CellResult) -> str:
    """A line above a cell's table."""
    own = cell.trial(OWN)
    assert own
    handled = ", ".join("never" if ns is None else f"{ns / 1000:,.0f}" for ns in own.handled_ns)
    processors = "one processor" if cell.processors == 1 else f"{cell.processors} processors"
    return f"Linux {cell.kernel}, {processors}; each clone's kernel knew after (us): {handled}"


def rows(contenders: Sequence[Contender], cell: CellResult) -> list[tuple[str, ...]]:
    """One row a contender, as COLUMNS."""
    own = cell.trial(OWN)
    assert own
    controls = [cell.trial(kind) for kind in ("same", "none")]
    return [
        (one.label, *_own(own.repeats[one.name]), *(_control(trial, one) for trial in controls)) for one in contenders
    ]


def as_markdown(contenders: Sequence[Contender], cells: Sequence[CellResult]) -> str:
    """All tables, for a document."""
    return "\n\n".join(
        f"{heading(cell)}:\n\n" + "\n".join(markdown_table(COLUMNS, rows(taking_part(contenders, cell), cell), LEFT))
        for cell in cells
    )


def taking_part(contenders: Sequence[Contender], cell: CellResult) -> list[Contender]:
    """Those that drew in a cell."""
    own = cell.trial(OWN)
    return [one for one in contenders if own and one.name in own.repeats]


def as_json(
    contenders: Sequence[Contender], cells: Sequence[CellResult], verdict: Verdict, failed: Sequence[str]
) -> dict[str, Any]:
    """Stable keys. Times are in nanoseconds of the guest's clock (one processor: instructions) from the snapshot."""
    return {
        "schema": SCHEMA,
        "verdict": verdict.word,
        "invalid": list(verdict.invalid),
        "repeats": list(verdict.repeats),
        "failed": list(failed),
        "cells": [_cell(contenders, cell) for cell in cells],
    }


def words(verdict: Verdict) -> list[str]:
    """The verdict in lines."""
    if verdict.word == "yes":
        return ["yes: nothing repeats but what was drawn before the clone's kernel knew"]
    return [f"{verdict.word}: {why}" for why in (verdict.invalid or verdict.repeats)]


def _own(found: Repeats) -> tuple[str, ...]:
    last = "-" if found.last_ns is None else f"{found.last_ns / 1000:,.0f}"
    never = "never" if found.compared else "-"
    fresh = never if found.fresh is None else f"{found.fresh:,}"
    return (outcome(found), f"{found.compared:,}", f"{found.repeated:,}", f"{found.late:,}", last, fresh)


def _control(trial: Trial | None, contender: Contender) -> str:
    if trial is None or contender.name not in trial.repeats:
        return "-"
    found = trial.repeats[contender.name]
    return "all" if found.repeated >= found.compared > 0 else f"{found.repeated:,}"


def _cell(contenders: Sequence[Contender], cell: CellResult) -> dict[str, Any]:
    return {
        "kernel": cell.kernel,
        "processors": cell.processors,
        "qemu": cell.qemu,
        "seconds": round(cell.seconds, 1),
        "cpu_seconds": round(cell.cpu_seconds, 1),
        "trials": [
            {
                "generation": trial.kind,
                "handled_ns": list(trial.handled_ns),
                "contenders": [
                    {"contender": one.name, "label": one.label, "promise": one.promise, **_numbers(trial, one)}
                    for one in contenders
                    if one.name in trial.repeats
                ],
            }
            for trial in cell.trials
        ],
    }


def _numbers(trial: Trial, contender: Contender) -> dict[str, Any]:
    found = trial.repeats[contender.name]
    return {
        "repeats": outcome(found),
        "draws": found.compared,
        "repeated": found.repeated,
        "begun_late": found.late,
        "late_draws": found.late_draws,
        "last_ns": found.last_ns,
        "first_new": found.fresh,
    }
