"""A run on the terminal, and progress while it is made."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from ..output.console import Console
from ..output.table import boxed_tables
from .model import Participant, Run
from .statistics import noise
from .tables import facts
from .text import Table

PIPE_WIDTH = 200  # columns where there is no terminal


def console() -> Console:
    """Standard output; as wide as it needs where that is not a terminal."""
    terminal = sys.stdout.isatty()
    return Console(width=None if terminal else PIPE_WIDTH, soft_wrap=not terminal, highlight=False)


def print_tables(out: Console, tables: Sequence[Table]) -> None:
    for table in tables:
        out.print()
        out.print(Text(table.title, style="bold"))
        if table.explanation:
            out.print(Text(table.explanation, style="dim"))
        rows = [[Text(cell) for cell in row] for row in table.rows]
        room = out.width if out.is_terminal else sys.maxsize
        kept = table.left if table.left < len(table.header) else 1
        for drawn in boxed_tables(table.header, rows, room, table.left, kept):
            out.print(drawn)


def print_facts(out: Console, run: Run) -> None:
    """On what the run was made, and whether it could tell anything."""
    for name, value in facts(run):
        out.print(Text(f"{name}: {value}"))
    out.print(Text(noise_text(run), style="bold red" if noise_warning(run) else ""))


def noise_text(run: Run) -> str:
    """One sentence on the noise; empty when the run did not measure latency."""
    found = noise(run)
    if found is None:
        return ""
    text = (
        f"noise: two copies of the same contender differ by {found.difference:.1%} (the worst size up to 256 bytes);"
        f" another process took the CPU in {found.disturbed:.0%} of the turns"
    )
    return text + (": TOO NOISY to tell contenders apart; run it again on a quieter machine" if found.too_noisy else "")


def noise_warning(run: Run) -> bool:
    found = noise(run)
    return found is not None and found.too_noisy


class Bar:
    """Progress on standard error: a bar where that is a terminal, else a line for each measure as it begins.

    What can't take part is said as it turns out.
    """

    def __init__(self) -> None:
        columns = (
            TextColumn("{task.description:24}"),
            BarColumn(),
            TextColumn("{task.percentage:3.0f}%"),
            TimeElapsedColumn(),
        )
        self._out = Console(stderr=True)
        self._terminal = sys.stderr.isatty()
        self._progress = Progress(*columns, console=self._out, transient=True, disable=not self._terminal)
        self._task: TaskID | None = None
        self._start = time.monotonic()

    def __enter__(self) -> Bar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def begin(self, measure: str, steps: int) -> None:
        if not self._terminal:
            print(
                f"bench: {measure}, {time.monotonic() - self._start:.0f} s after the start", file=sys.stderr, flush=True
            )
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._task = self._progress.add_task(measure, total=steps)

    def advance(self) -> None:
        if self._task is not None:
            self._progress.advance(self._task)

    def absent(self, participant: Participant) -> None:
        self._progress.console.print(Text(f"not measured: {participant.label}: {participant.absent}", style="yellow"))
