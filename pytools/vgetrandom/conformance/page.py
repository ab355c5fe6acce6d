"""Results of the suite as parts of an HTML page: cases by target, what failed and how to see it again, facts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ..output.page import Block, Cell, Grid, Page, Section
from ..system.host import look
from ..system.versions import own_version, today
from .cases import GROUPS
from .identity import Identity
from .results import BAD, EXPECTED, OUTCOMES, UNEXPECTED, Result, worst

_TONES = {"pass": "good", "skip": "dim", EXPECTED: "warn"}  # all others are bad
_MOST_OPEN = 10  # failures that are shown without a click
_MOST_PRINTED = 30_000  # characters of a program's output: its end


def as_page(
    results: Sequence[Result],
    identities: Sequence[Identity],
    again: Callable[[Result], str],
    profile: str,
) -> Page:
    """The whole report of a run; `again` gives the command that repeats a result."""
    host = look()
    facts = [
        ("date", today()),
        ("profile", profile),
        ("kernel", f"Linux {host.kernel}, {host.machine}"),
        ("this host's libc", host.libc or "unknown"),
        ("virtual machine", host.virtual),
        ("container", host.container),
        ("vgetrandom", own_version()),
    ]
    targets = list(dict.fromkeys(result.target for result in results))
    return Page(
        f"getrandom conformance: {', '.join(targets)}",
        verdict(results),
        facts,
        [Section("Who was asked", [_identities(identities)] if identities else []), *result_sections(results, again)],
    )


def verdict(results: Sequence[Result]) -> Cell:
    """One line for all."""
    if any(result.bad for result in results):
        return Cell(f"Promises are broken: {counts(results)}", "bad")
    return Cell(f"Every promise was kept: {counts(results)}", "good")


def counts(results: Sequence[Result]) -> str:
    """Such as "70 pass, 1 fail"."""
    numbers = {name: sum(result.outcome == name for result in results) for name in OUTCOMES}
    return ", ".join(f"{number} {name}" for name, number in numbers.items() if number) or "nothing was run"


def result_sections(results: Sequence[Result], again: Callable[[Result], str]) -> list[Section]:
    """Sections on any results: by group, by case, failures, what was skipped or expected, facts."""
    targets = list(dict.fromkeys(result.target for result in results))
    links = {id(result): f"f{number}" for number, result in enumerate(result for result in results if result.bad)}
    bad = [result for result in results if result.bad]
    blocks = [_failure(result, again, links[id(result)], len(bad) <= _MOST_OPEN) for result in bad]
    return [
        Section("Failures", blocks),
        Section("By group", [_groups(results, targets)]),
        Section("Cases", [_cases(results, targets, links)]),
        Section("Skipped or expected to fail", _notes(results)),
        Section("Neither right nor wrong", _facts(results, targets)),
    ]


def _identities(identities: Sequence[Identity]) -> Grid:
    rows = []
    for identity in identities:
        files = [("libc", identity.libc), ("library", identity.library)]
        if not identity.static and identity.server not in (identity.libc, identity.library):
            files.append(("getrandom", identity.server))
        for what, file in files:
            if file:
                rows.append((identity.target, what, str(file.path), file.build_id or "-", file.sha256[:16]))
    return Grid(("target", "what", "file that its processes have mapped", "build id", "sha256"), rows, left=5)


def _groups(results: Sequence[Result], targets: Sequence[str]) -> Grid:
    rows: list[Sequence[str | Cell]] = []
    for group in dict.fromkeys(result.case.group for result in results):
        cells: list[str | Cell] = [GROUPS.get(group, group.capitalize())]
        for target in targets:
            mine = [result for result in results if result.case.group == group and result.target == target]
            cells.append(Cell(counts(mine), _tone(worst(mine).outcome)) if mine else "")
        rows.append(cells)
    return Grid(("group", *targets), rows, left=len(targets) + 1)


def _cases(results: Sequence[Result], targets: Sequence[str], links: Mapping[int, str]) -> Grid:
    rows: list[Sequence[str | Cell]] = []
    for name in dict.fromkeys(result.case.name for result in results):
        cells: list[str | Cell] = [name]
        for target in targets:
            mine = [result for result in results if result.case.name == name and result.target == target]
            cells.append(_case_cell(mine, links) if mine else "")
        rows.append(cells)
    return Grid(("case", *targets), rows, left=len(targets) + 1)


def _case_cell(runs: Sequence[Result], links: Mapping[int, str]) -> Cell:
    chosen = worst(runs)
    bad = sum(result.bad for result in runs)
    often = f" {bad}/{len(runs)}" if bad and len(runs) > 1 else ""
    return Cell(f"{chosen.outcome}{often}", _tone(chosen.outcome), links.get(id(chosen), ""))


def _failure(result: Result, again: Callable[[Result], str], name: str, opened: bool) -> Block:
    case = result.case
    failed = [failure for failure in result.failures if failure != result.reason]
    return Block(
        f"{case.name} against {result.target}: {result.outcome}",
        [
            ("promise", case.promise),
            ("kind", case.kind),
            ("source", case.source),
            ("instead", result.reason),
            *(("also", failure) for failure in failed),
            ("again", again(result)),
            ("seed", result.seed),
            ("seconds", f"{result.seconds:.1f}"),
        ],
        result.output[-_MOST_PRINTED:],
        "bad",
        name,
        opened,
    )


def _notes(results: Sequence[Result]) -> list[Grid]:
    reasons: dict[tuple[str, str, str], list[str]] = {}
    for result in results:
        if result.outcome in ("skip", EXPECTED):
            targets = reasons.setdefault((result.case.name, result.outcome, result.reason), [])
            targets += [result.target] if result.target not in targets else []
    rows = [
        (name, Cell(outcome, _tone(outcome)), reason, ", ".join(targets))
        for (name, outcome, reason), targets in reasons.items()
    ]
    return [Grid(("case", "", "why", "targets"), rows, left=4)] if rows else []


def _facts(results: Sequence[Result], targets: Sequence[str]) -> list[Grid]:
    values = {(r.case.name, name, r.target): value for r in results for name, value in r.facts.items()}
    rows = [
        (f"{case}: {name}", *(values.get((case, name, target), "") for target in targets))
        for case, name in dict.fromkeys((case, name) for case, name, _ in values)
    ]
    return [Grid(("fact", *targets), rows, left=1)] if rows else []


def _tone(outcome: str) -> str:
    return _TONES.get(outcome, "bad" if outcome in (*BAD, UNEXPECTED) else "")
