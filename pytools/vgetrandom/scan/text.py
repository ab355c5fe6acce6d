"""What a person reads of a scan: a table of the files, remarks, and one line that sums up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from ..system.files import open_regular
from .elf_facts import Problem, read_facts
from .survey import Row, Trouble
from .verdict import Verdict

COLUMNS = ("VERDICT", "FILE", "WHY")
STYLES = {
    Verdict.REACHED: "green",
    Verdict.PARTLY: "yellow",
    Verdict.NATIVE: "cyan",
    Verdict.UNREACHABLE: "dim",
}
_FEW = 10  # rows up to which plugins are named in the table


def by_verdict(row: Row) -> tuple[int, str]:
    """The order in which rows are shown."""
    return list(Verdict).index(row.judgement.verdict), row.path


def shown_rows(rows: Sequence[Row], wanted: Sequence[Verdict], explicit: set[str]) -> list[Row]:
    """The rows to show, in order: `wanted` verdicts; without any, no files without random calls but `explicit` ones."""
    return [row for row in sorted(rows, key=by_verdict) if _is_shown(row, wanted, explicit)]


def cells(shown: Sequence[Row]) -> list[tuple[str, ...]]:
    """A row of the table for each."""
    return [(row.judgement.verdict.value, row.path, _remarks(row, len(shown) <= _FEW)) for row in shown]


def complaints(rows: Sequence[Row], troubles: Sequence[Trouble], explicit: set[str]) -> list[str]:
    """A line for each file or folder that was named and could not be judged."""
    silent = sorted(explicit - {row.path for row in rows} - {trouble.path for trouble in troubles})
    return [
        *(f"{trouble.path}: {trouble.message}" for trouble in troubles),
        *(f"{path}: {_why_not_judged(path)}" for path in silent),
    ]


def summary(rows: Sequence[Row], troubles: Sequence[Trouble], other: int, hidden: int) -> str:
    """One line; `other`: files that are not ELF, `hidden`: judged and not shown."""
    counts = Counter(row.judgement.verdict for row in rows)
    parts = [f"{counts[verdict]} {verdict.value}" for verdict in Verdict]
    silent = f" ({hidden} not shown)" if hidden else ""
    tail = "".join(
        f", {number} {what}" for number, what in ((len(troubles), "unreadable"), (other, "not ELF")) if number
    )
    return f"{len(rows)} files: {', '.join(parts)}{silent}{tail}"


def _is_shown(row: Row, wanted: Sequence[Verdict], explicit: set[str]) -> bool:
    if wanted:
        return row.judgement.verdict in wanted
    return row.judgement.reason != "no random calls" or row.path in explicit or row.path.endswith("]")


def _remarks(row: Row, in_full: bool) -> str:
    """The reason, then what limits it."""
    judgement = row.judgement
    remarks = [judgement.reason]
    if judgement.preloaded:
        remarks.append("the library is loaded")
    if row.missing:
        remarks.append(f"not found: {', '.join(row.missing[:4])}")
    if judgement.not_followed and judgement.verdict is not Verdict.UNREACHABLE:
        by = f": {'; '.join(judgement.not_followed)}" if in_full else ""
        remarks.append(f"plugins not followed{by}")
    if row.facts.partial:
        remarks.append("too large: only its beginning was read")
    return " | ".join(remarks)


def _why_not_judged(path: str) -> str:
    found = read_facts(path)
    if isinstance(found, Problem):
        return found.message
    try:
        with open_regular(Path(path)) as stream:
            line = stream.read(256).split(b"\n")[0]
    except OSError as error:
        return error.strerror or str(error)
    if line.startswith(b"#!"):
        interpreter = line[2:].decode(errors="replace").strip()
        return f"a script: scan its interpreter, {interpreter}"
    return "not an ELF program or library"
