"""Results of cells as a table, JSON and JUnit XML."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..conformance import results as suite
from .run import CellResult

SCHEMA = 1
DRAWS = {"active": "vDSO", "no-vdso": "system call"}  # by the library's status
COLUMNS = ("cell", "result", "kernel", "page", "libc", "draws", "cases", "seconds", "why not")


def rows(found: Sequence[CellResult]) -> list[tuple[str, ...]]:
    """One row a cell, as COLUMNS."""
    return [_row(result) for result in found]


def failures(found: Sequence[CellResult]) -> list[str]:
    """Lines that say what failed in which cell, and where its console is."""
    lines = []
    for cell in found:
        if cell.outcome != "fail":
            continue
        for result in cell.results:
            if result.bad:
                lines.append(f"{cell.cell.name}: {result.case.name}: {result.outcome}: {result.reason}")
        lines.append(f"{cell.cell.name}: console: {cell.console}")
    return lines


def as_json(found: Sequence[CellResult], profile: str) -> dict[str, Any]:
    """Stable keys; seconds in `seconds`, sizes in bytes, the date in UTC."""
    return {"schema": SCHEMA, "profile": profile, "cells": [cell_as_json(result, profile) for result in found]}


def cell_as_json(result: CellResult, profile: str) -> dict[str, Any]:
    """One of the `cells`."""
    probe = result.probe
    return {
        "cell": result.cell.name,
        "architecture": result.cell.architecture.name,
        "kernel": result.release,
        "libc": result.libc,
        "qemu": result.qemu,
        "date": result.date,
        "outcome": result.outcome,
        "reason": result.reason,
        "note": result.cell.kernel.note,
        "seconds": round(result.seconds, 1),
        "page_size": probe.page_size if probe else 0,
        "status": probe.status if probe else "",
        "draws": probe.draws if probe else 0,
        "calls": probe.calls if probe else 0,
        "console": str(result.console or ""),
        "results": suite.as_json(result.results, profile)["results"],
    }


def as_junit(found: Sequence[CellResult]) -> str:
    """One suite a cell."""
    return suite.as_junit([result for cell in found for result in cell.results])


def _row(result: CellResult) -> tuple[str, ...]:
    probe = result.probe
    counts = {name: sum(one.outcome == name for one in result.results[1:]) for name in suite.OUTCOMES}
    return (
        result.cell.name,
        result.outcome if result.outcome != "skip" else "not run",
        result.release or "-",
        f"{probe.page_size // 1024}K" if probe else "-",
        result.libc or "-",
        DRAWS.get(probe.status, probe.status) if probe else "-",
        ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "-",
        f"{result.seconds:.0f}" if result.seconds else "-",
        result.reason,
    )
