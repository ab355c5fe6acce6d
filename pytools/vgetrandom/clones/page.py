"""A run as an HTML page: the verdict, who repeats in each guest, and what every column says."""

from __future__ import annotations

from collections.abc import Sequence

from ..output.page import Block, Cell, Grid, Page, Section
from ..system.host import look
from ..system.versions import own_version, today
from . import report
from .cells import Plan
from .contenders import KERNEL, Contender
from .run import OWN, CellResult
from .verdict import Verdict

_TONES = {"yes": "good", "no": "bad", "invalid": "warn"}
_COLUMNS = (
    ("repeats", "no; before the kernel knew that it was cloned; or also after that"),
    ("draws", "after the snapshot, in the clone with the fewest"),
    ("repeated", "of these: another clone drew the same value"),
    ("begun late", "of these: begun when the clone's kernel knew"),
    ("us", "when the last repeated draw was begun, in microseconds after the snapshot"),
    ("first new", "the number of the draw from which on none repeats"),
    ("same guid", "repeated draws in the control whose clones have the generation of the source"),
    ("no device", "repeated draws in the control without the device"),
)


def as_page(
    contenders: Sequence[Contender], cells: Sequence[CellResult], verdict: Verdict, plan: Plan, failed: Sequence[str]
) -> Page:
    """One section for each guest."""
    host = look()
    facts = [
        ("date", today()),
        ("host", f"Linux {host.kernel}, {host.machine}"),
        ("QEMU", ", ".join(dict.fromkeys(cell.qemu for cell in cells))),
        ("clones", f"{plan.clones} of each snapshot"),
        ("draws", f"{plan.amount.draws:,} after it, or {plan.amount.lines:,} lines"),
        ("time", f"{sum(cell.cpu_seconds for cell in cells):,.0f} s of processors, in the emulators"),
        ("vgetrandom", own_version()),
        *(("not run", why) for why in failed),
    ]
    return Page(
        "Two clones of one machine: who repeats?",
        Cell("; ".join(report.words(verdict)), _TONES[verdict.word]),
        facts,
        [
            *(_section(contenders, cell) for cell in cells),
            Section("Columns", [Block("What they say", _COLUMNS, open=True)]),
        ],
    )


def _section(contenders: Sequence[Contender], cell: CellResult) -> Section:
    title, _, knew = report.heading(cell).partition("; ")
    drew = report.taking_part(contenders, cell)
    rows: list[Sequence[str | Cell]] = []
    for one, (label, repeats, *rest) in zip(drew, report.rows(drew, cell)):
        rows.append([label, Cell(repeats, _tone(one, cell)), *rest])
    return Section(title, [f"{knew[0].upper()}{knew[1:]}.", Grid(report.COLUMNS, rows, left=report.LEFT)])


def _tone(contender: Contender, cell: CellResult) -> str:
    own = cell.trial(OWN)
    assert own
    if not own.repeats[contender.name].compared:
        return "dim"
    if not own.repeats[contender.name].late:
        return "good"
    return "bad" if contender.promise == KERNEL else "warn"
