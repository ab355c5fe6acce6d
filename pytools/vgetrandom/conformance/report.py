"""Results as a person reads them: a table for one target, a matrix for several, and what failed and why."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from ..output.console import Console
from ..output.table import boxed_tables
from .cases import GROUPS, Case
from .identity import Identity
from .results import BAD, EXPECTED, UNEXPECTED, Result, worst

_COLOURS = {
    "pass": "green",
    "skip": "yellow",
    EXPECTED: "yellow",
    "fail": "bold red",
    "crash": "bold red",
    "timeout": "bold red",
}
_MAX_LINES = 12  # of one failure


def print_list(console: Console, cases: Sequence[Case]) -> None:
    """Every case with its promise, where that is written, and whether it is a promise or quality."""
    for group, title in GROUPS.items():
        mine = [case for case in cases if case.group == group]
        if mine:
            console.print(Text(title, style="bold"))
        for case in mine:
            console.print(Text(f"  {case.name} ({case.kind})"))
            console.print(Text(f"      {case.promise}"))
            console.print(Text(f"      Source: {case.source}", style="dim"))


def list_object(cases: Sequence[Case]) -> list[dict[str, str]]:
    """The same for JSON."""
    return [
        {"case": case.name, "group": case.group, "kind": case.kind, "promise": case.promise, "source": case.source}
        for case in cases
    ]


def print_results(
    console: Console,
    results: Sequence[Result],
    again: Callable[[Result], str],
    identities: Sequence[Identity] = (),
) -> None:
    """Who was asked, the table, then each failure with the command that repeats it, then the totals."""
    for identity in identities:
        console.print(Text(str(identity), style="dim"))
    targets = list(dict.fromkeys(result.target for result in results))
    if len(targets) > 1:
        _print_matrix(console, "case", _outcomes(results, targets), targets)
        if any(result.facts for result in results):
            _print_matrix(console, "fact", _facts_of(results, targets), targets)
        _print_skips(console, results)
    else:
        console.print(_table(results))
    for result in results:
        if result.bad:
            _print_failure(console, result, again)
    for target in targets:
        mine = [result for result in results if result.target == target]
        counts = ", ".join(
            f"{count} {name}"
            for name in ("pass", EXPECTED, UNEXPECTED, *BAD, "skip")
            if (count := sum(result.outcome == name for result in mine))
        )
        console.print(Text(f"{target}: {counts}"))


def outcome_text(result: Result) -> Text:
    """One word for a cell, coloured on a terminal."""
    return Text(result.outcome, style=_COLOURS.get(result.outcome, "bold red"))


def repeat_command(result: Result, written: str, options: Sequence[str] = ()) -> str:
    """The command that runs one result again, with its seed: the target as it was written, and further options."""
    words = ["vgetrandom", "conform", written, "-k", result.case.name, "--seed", result.seed]
    return shlex.join([*words, *options])


def _table(results: Sequence[Result]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("case", no_wrap=True)
    table.add_column("result", no_wrap=True)
    table.add_column("seconds", justify="right", no_wrap=True)
    table.add_column("facts, or why", overflow="fold")
    for name in dict.fromkeys(result.case.name for result in results):
        runs = [result for result in results if result.case.name == name]
        chosen = worst(runs)
        table.add_row(name, _cell(runs), f"{chosen.seconds:.1f}", chosen.reason or _facts(chosen))
    return table


def _print_matrix(console: Console, what: str, rows: Sequence[Sequence[Text]], targets: Sequence[str]) -> None:
    """A column for each target; on a narrow terminal in several tables, with as many targets each as fit."""
    room = console.width if console.is_terminal else sys.maxsize
    for table in boxed_tables([what, *targets], rows, room, left=1 + len(targets)):
        console.print(table)


def _outcomes(results: Sequence[Result], targets: Sequence[str]) -> list[list[Text]]:
    """A row for each case: its name, and its outcome by target."""
    rows = []
    for name in dict.fromkeys(result.case.name for result in results):
        runs = [[r for r in results if r.case.name == name and r.target == target] for target in targets]
        rows.append([Text(name), *[_cell(mine) if mine else Text("-") for mine in runs]])
    return rows


def _facts_of(results: Sequence[Result], targets: Sequence[str]) -> list[list[Text]]:
    """A row for each fact that was measured, target by target: the last run's."""
    values = {(r.case.name, name, r.target): value for r in results for name, value in r.facts.items()}
    return [
        [Text(f"{case}: {name}"), *[Text(values.get((case, name, target), "-")) for target in targets]]
        for case, name in dict.fromkeys((case, name) for case, name, _ in values)
    ]


def _print_skips(console: Console, results: Sequence[Result]) -> None:
    reasons: dict[tuple[str, str], list[str]] = {}
    for result in results:
        if result.outcome == "skip" and result.target not in reasons.setdefault((result.case.name, result.reason), []):
            reasons[result.case.name, result.reason].append(result.target)
    for (name, reason), skipped in reasons.items():
        console.print(Text(f"{name} skipped ({', '.join(skipped)}): {reason}"))


def _cell(runs: Sequence[Result]) -> Text:
    text = outcome_text(worst(runs))
    bad = sum(result.bad for result in runs)
    if bad and len(runs) > 1:
        text.append(f" {bad}/{len(runs)}")
    return text


def _facts(result: Result) -> str:
    return ", ".join(f"{name} {value}" for name, value in result.facts.items())


def _print_failure(console: Console, result: Result, again: Callable[[Result], str]) -> None:
    console.print(Text(f"{result.case.name} against {result.target}: {result.outcome}", style="bold red"))
    console.print(Text(f"  promise: {result.case.promise} [{result.case.kind}; {result.case.source}]"))
    for line in [result.reason, *(f for f in result.failures if f != result.reason)][:_MAX_LINES]:
        console.print(Text(f"  {line}"))
    console.print(Text(f"  again: {again(result)}"))
