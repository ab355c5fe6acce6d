"""A look as text: a table as wide as there is room for, and what holds for the host below it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from ..output.table import plain_lines, printable
from ..scan.verdict import Verdict
from .containers import place_of
from .demand import Row, cost_of
from .observing import Look

WIDE = 110  # columns from which a row fits a line
_NUMBERS = ("PID", "CALLS/S", "SIZES", "CPU%", "GAIN%", "VERDICT")
_COMMAND_WIDTH = 120  # letters of a command line; --json has all
_CLASS_NAMES = ("<=16", "<=32", "<=256", "<=4K", ">4K", "libc")
NOTHING = "nobody asked the kernel for random bytes"


def look_lines(look: Look, top: int, width: int | None) -> list[str]:
    """The first `top` rows (0: all), in lines of at most `width` columns where it is given."""
    rows = look.rows[:top] if top else look.rows
    rest = [*_left_out(look, rows), *_totals(look)]
    if width is not None:
        rest = [piece for line in rest for piece in textwrap.wrap(line, width, subsequent_indent="  ")]
    if not look.rows:
        return [NOTHING if look.host.total == 0 else "none of what was asked for drew", *rest]
    cells = [_cells(row, look.seconds) for row in rows]
    if width is None or width >= WIDE:
        texts = [_where_and_what(row) for row in rows]
        lines = plain_lines((*_NUMBERS, "WHERE", "COMMAND"), [(*cell, *text) for cell, text in zip(cells, texts)])
        lines = [part for line in lines for part in _folded(line, width, 8)]
    else:
        lines = _two_lines_a_row(cells, rows, width)
    return [*lines, *rest]


def _two_lines_a_row(cells: Sequence[tuple[str, ...]], rows: Sequence[Row], width: int) -> list[str]:
    """For narrow terminals: numbers, then, set in, where and what."""
    columns: tuple[str, ...] = _NUMBERS
    if max(map(len, plain_lines(columns, cells))) > width:  # sizes are what one can do without, and they say so
        columns = tuple(name for name in columns if name != "SIZES")
        cells = [(*cell[:2], *cell[3:]) for cell in cells]
    head, *numbers = plain_lines(columns, cells)
    lines = _folded(head, width, 2)
    for line, row in zip(numbers, rows):
        lines += [*_folded(line, width, 2), *_folded(f"  {' | '.join(_where_and_what(row))}", width, 2)]
    return lines if columns is _NUMBERS else [*lines, *_folded("(no room for SIZES here; --json has them)", width, 0)]


def _folded(line: str, width: int | None, indent: int) -> list[str]:
    """The line in pieces of `width`, all of it; the second and later ones set in."""
    if width is None or len(line) <= width:
        return [line]
    width = max(width, indent + 1)
    pieces, rest = [line[:width]], line[width:]
    while rest:
        pieces.append(" " * indent + rest[: width - indent])
        rest = rest[width - indent :]
    return pieces


def _cells(row: Row, seconds: float) -> tuple[str, ...]:
    pid = str(row.pid) if row.pid is not None else f"{row.processes:,} ended"
    return (
        pid if row.alive or row.pid is None else f"{pid} ended",
        _rate(row.demand.total / seconds),
        _sizes(row),
        "-" if row.cost is None else f"{100 * row.cost / seconds:.2f}",
        _gain(row, seconds),
        _verdict(row),
    )


def _rate(number: float) -> str:
    return f"{number:,.0f}" if number >= 10 else f"{number:.1f}"


def _sizes(row: Row) -> str:
    """The most frequent size class, and the next where it is a hundredth or more."""
    counts = sorted(zip((*row.demand.calls, row.demand.libc), _CLASS_NAMES), reverse=True)
    shares = [(100 * count / row.demand.total, name) for count, name in counts[:2]]
    return ", ".join(f"{name} {share:.0f}%" for share, name in shares if share >= 1)


def _gain(row: Row, seconds: float) -> str:
    if row.gain is None:
        return "-"
    text = f"{100 * row.gain / seconds:.2f}"
    return f"<{text}" if row.opinion.verdict is Verdict.PARTLY and text != "0.00" else text


def _verdict(row: Row) -> str:
    opinion = row.opinion
    if opinion.has_it:
        return "has it"
    if opinion.verdict is None:
        return "unknown"
    return opinion.verdict.value + ("?" if opinion.basis == "name" else "")


def _where_and_what(row: Row) -> tuple[str, str]:
    command = row.command if len(row.command) <= _COMMAND_WIDTH else row.command[: _COMMAND_WIDTH - 3] + "..."
    return printable(str(place_of(row.cgroup))), printable(command)


def _left_out(look: Look, rows: Sequence[Row]) -> list[str]:
    others = look.rows[len(rows) :]
    if not others:
        return []
    calls = sum(row.demand.total for row in others)
    rows_are = "1 more row" if len(others) == 1 else f"{len(others):,} more rows"
    return [f"and {rows_are} with {_rate(calls / look.seconds)} calls a second; --top 0 shows all"]


def _totals(look: Look) -> list[str]:
    host = look.host
    lines = [
        f"host: {_rate(host.total / look.seconds)} calls a second, {host.total_bytes / look.seconds:,.0f} bytes,"
        f" by {look.processes:,} process{'' if look.processes == 1 else 'es'} in {look.seconds:.1f} s"
    ]
    if look.prices:
        share, gain = 100 * cost_of(host, look.prices) / look.seconds, sum(row.gain or 0 for row in look.rows)
        lines.append(f"cost: {share:.2f}% of one CPU; to gain, of what is shown: {100 * gain / look.seconds:.2f}%")
        if not look.prices.active:
            lines.append("the library is not active on this host, so there is nothing to gain; see vgetrandom doctor")
    else:
        lines.append("cost: not known: the package's program that measures prices is missing or does not run")
    lines.append(_lost(look))
    lines.append(f"observing: {_burden(look)}")
    return lines


def _lost(look: Look) -> str:
    if not look.lost:
        return "lost: no call"
    return f"lost: {look.lost:,} calls of {look.lost + look.host.total:,}, which are in no row"


def _burden(look: Look) -> str:
    burden = look.burden
    own = f"{100 * burden.own / look.seconds:.2f}% of one CPU for this command"
    if burden.getrandom is None or burden.other is None:
        return own
    drawn = 100 * burden.getrandom * look.host.total / 1e9 / look.seconds
    return (
        f"{burden.getrandom:.0f} ns a call, {drawn:.2f}% of one CPU; {burden.other:.0f} ns more for every other"
        f" system call of this host; {own}"
    )
