"""Edits of a libc's text: whole lines at an anchor, and what to say when a source has moved on."""

from __future__ import annotations

import difflib

from ..errors import VgetrandomError
from .description import Edit

_ALIKE = 0.5  # of 1: how much a line must be like the anchor to be shown


def apply(edit: Edit, text: str, add: str) -> str:
    """The text with one edit; `add` is the edit's, filled in.

    Raises VgetrandomError when the anchor is not there, or more than once: it says which line is the most like it.
    """
    anchor = next((anchor for anchor in (edit.anchor, *edit.others) if _places(anchor, text)), edit.anchor)
    found = _places(anchor, text)
    if len(found) == 1:
        start = found[0]
        end = start + len(anchor)
        if edit.place == "after":
            return text[:end] + add + text[end:]
        return text[:start] + add + (text[start:] if edit.place == "before" else text[end:])
    first = anchor.strip("\n").splitlines()[0].strip()
    where = f"{edit.file} has moved on: the edit for {edit.why} looks for the line `{first}`"
    if found:
        lines = ", ".join(str(text.count("\n", 0, place) + 1) for place in found)
        raise VgetrandomError(f"{where}, which is there {len(found)} times, in lines {lines}; mend the edit's anchor")
    raise VgetrandomError(f"{where}, which is not there{_nearest(first, text)}; mend the edit's anchor")


def _places(anchor: str, text: str) -> list[int]:
    """Where the anchor begins: at the beginning of a line each time."""
    found, start = [], text.find(anchor)
    while start >= 0:
        if start == 0 or text[start - 1] == "\n":
            found.append(start)
        start = text.find(anchor, start + 1)
    return found


def _nearest(line: str, text: str) -> str:
    lines = text.splitlines()
    nearest = difflib.get_close_matches(line, [other.strip() for other in lines], 1, _ALIKE)
    if not nearest:
        return ""
    number = next(index for index, other in enumerate(lines, 1) if other.strip() == nearest[0])
    return f" (line {number} is the most like it: `{nearest[0]}`)"
