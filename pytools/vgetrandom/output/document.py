"""A piece of a Markdown document that a command writes: between two marks, where the next run replaces it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ..errors import VgetrandomError

END = "<!-- end -->"


def section_of(path: Path, begin: str) -> tuple[str, str]:
    """What is before and after the piece between the line `begin` and the next END, both included.

    Raises VgetrandomError where it is not there once, or the document can't be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise VgetrandomError(f"{path} can't be read: {error.strerror}") from error
    pieces = re.split(f"{re.escape(begin)}.*?{re.escape(END)}", text, flags=re.DOTALL)
    if len(pieces) != 2:
        raise VgetrandomError(f"{path} does not have the line {begin!r} and the line {END!r} once; add them")
    return pieces[0], pieces[1]


def replace_section(path: Path, begin: str, text: str) -> None:
    """Put `text` there. Raises VgetrandomError as section_of, and when the document can't be written."""
    before, after = section_of(path, begin)
    try:
        path.write_text(f"{before}{begin}\n\n{text}\n\n{END}{after}", encoding="utf-8")
    except OSError as error:
        raise VgetrandomError(f"{path} can't be written: {error.strerror}") from error


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[str]], left: int) -> list[str]:
    """Lines; the first `left` columns are set left, the others right."""
    alignment = ["---" if i < left else "--:" for i in range(len(columns))]
    return [_line(columns), _line(alignment), *map(_line, rows)]


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("$", "\\$") for cell in cells) + " |"
