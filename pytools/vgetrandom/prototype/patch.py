"""Changes as one patch, as git writes and takes it."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from .lift import Change


@dataclass(frozen=True)
class Size:
    """How much a patch does: lines in files that were there, and new files."""

    added: int
    removed: int
    files: int
    new_files: int
    new_lines: int

    def __str__(self) -> str:
        return (
            f"{self.added} lines added and {self.removed} removed in {self.files} files, "
            f"{self.new_files} new files of {self.new_lines} lines"
        )


def as_patch(changes: Sequence[Change]) -> str:
    """For `git apply` and `patch -p1` in the libc's source."""
    return "".join(_one(change) for change in changes if change.before != change.after)


def size(changes: Sequence[Change]) -> Size:
    edited = [change for change in changes if change.before is not None]
    lines = [line for change in edited for line in _difference(change)[2:]]
    new = [change for change in changes if change.before is None]
    return Size(
        sum(line.startswith("+") for line in lines),
        sum(line.startswith("-") for line in lines),
        len(edited),
        len(new),
        sum(change.after.count("\n") for change in new),
    )


def _one(change: Change) -> str:
    head = f"diff --git a/{change.file} b/{change.file}\n"
    if change.before is None:
        head += "new file mode 100644\n"
    return head + "".join(_difference(change))


def _difference(change: Change) -> list[str]:
    """Of a unified diff; a last line without its newline is marked."""
    before = [] if change.before is None else change.before.splitlines(keepends=True)
    start = "/dev/null" if change.before is None else f"a/{change.file}"
    lines = difflib.unified_diff(before, change.after.splitlines(keepends=True), start, f"b/{change.file}")
    return [line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines]
