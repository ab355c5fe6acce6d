"""Failures of one's own libc that are known: a file of them, each with a reason.

One a line, in columns between spaces: the case, the target, how it ends (fail, crash, timeout or error), and why that
is known, up to the end of the line. Case and target may be shell wildcards. Lines that begin with # are comments.

    interface_flags  *         fail   the vDSO accepts GRND_RANDOM|GRND_INSECURE; ours to report, the kernel's to mend
    step_end         libc:*    crash  bug 1234

What fails as a line says is not counted as a failure. What such a line names and passes is: the line has to go.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import VgetrandomError
from .results import BAD, EXPECTED, UNEXPECTED, Result


@dataclass(frozen=True)
class Expectation:
    """One line of the file."""

    case: str
    target: str
    outcome: str
    reason: str
    place: str  # FILE:LINE

    def matches(self, result: Result) -> bool:
        return fnmatch.fnmatchcase(result.case.name, self.case) and fnmatch.fnmatchcase(result.target, self.target)


def read_expected(path: Path, cases: Iterable[str]) -> list[Expectation]:
    """Read the file; `cases` are the names of all cases that there are.

    Raises VgetrandomError when it can't be read, a line lacks a column, or it names no case: a name that was mistyped
    would expect nothing.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise VgetrandomError(f"{path} can't be read: {why}; --expect takes a file of expected failures") from error
    names = list(cases)
    found = []
    for number, line in enumerate(lines, 1):
        words = line.split(None, 3)
        if not words or words[0].startswith("#"):
            continue
        place = f"{path}:{number}"
        if len(words) < 4 or words[2] not in BAD:
            raise VgetrandomError(f"{place} must have a case, a target, one of {', '.join(BAD)}, and a reason")
        if not fnmatch.filter(names, words[0]):
            raise VgetrandomError(f"{place}: there is no case {words[0]}; see `vgetrandom conform --list`")
        found.append(Expectation(words[0], words[1], words[2], words[3], place))
    return found


def compare(result: Result, expected: Sequence[Expectation]) -> Result:
    """The result as the file has it: expected when it failed as a line says, unexpected when it passed."""
    mine = [one for one in expected if one.matches(result)]
    if not mine or result.outcome == "skip":
        return result
    if result.outcome == "pass":
        why = f"it passes, and {mine[0].place} expects that it does not ({mine[0].reason}); take the line out"
        return replace(result, outcome=UNEXPECTED, reason=why)
    for one in mine:
        if one.outcome == result.outcome:
            return replace(result, outcome=EXPECTED, reason=f"{one.reason} ({result.outcome}: {result.reason})")
    return result
