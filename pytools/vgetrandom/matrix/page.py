"""A run of the matrix as an HTML page: the cells, and the suite's results in each."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from ..conformance.page import counts, result_sections
from ..conformance.results import Result
from ..output.page import Cell, Grid, Page, Section
from ..system.host import look
from ..system.versions import own_version, today
from . import report
from .run import CellResult

_TONES = {"pass": "good", "fail": "bad", "skip": "dim"}


def as_page(found: Sequence[CellResult], profile: str) -> Page:
    """Cells that could not be run are in the first table with the reason, and nowhere else."""
    host = look()
    ran = [cell for cell in found if cell.outcome != "skip"]
    results = [result for cell in ran for result in cell.results]
    qemu = ", ".join(dict.fromkeys(cell.qemu for cell in ran if cell.qemu))
    facts = [
        ("date", today()),
        ("profile", profile),
        ("host", f"Linux {host.kernel}, {host.machine}"),
        ("QEMU", qemu or "none ran"),
        ("vgetrandom", own_version()),
    ]
    failed = sum(cell.outcome == "fail" for cell in found)
    text = f"{len(ran)} of {len(found)} cells ran, {failed} failed: {counts(results)}"
    verdict = Cell(text, "bad" if failed else "good" if ran else "warn")
    sections = [Section("Cells", [_cells(found)]), *result_sections(results, _again)]
    return Page("getrandom across kernels, architectures and libcs", verdict, facts, sections)


def _cells(found: Sequence[CellResult]) -> Grid:
    rows: list[Sequence[str | Cell]] = []
    for cell, (name, outcome, *rest) in zip(found, report.rows(found)):
        rows.append([name, Cell(outcome, _TONES[cell.outcome]), *rest])
    return Grid(report.COLUMNS, rows, left=len(report.COLUMNS))


def _again(result: Result) -> str:
    only = () if result.case.group == "matrix" else ("-k", result.case.name)
    return shlex.join(["vgetrandom", "matrix", "--only", result.target, *only])
