"""A run as sections of a Markdown document, between marks that a later run replaces."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ..errors import VgetrandomError
from .model import Run
from .tables import facts
from .terminal import noise_text
from .text import Table

BEGIN = "<!-- begin: written by vgetrandom bench show --document -->"
END = "<!-- end -->"


def document(run: Run, tables: Sequence[Table]) -> str:
    """The run's circumstances and tables."""
    sentences = [f"- {name}: {value}" for name, value in facts(run)]
    text = noise_text(run)
    sections = ["\n".join([*sentences, *([f"- {text}"] if text else [])])]
    sections += [_section(table) for table in tables]
    return "\n\n".join(sections)


def replace_section(path: Path, text: str) -> None:
    """Put `text` between the marks in the file; raises VgetrandomError when it has none or can't be written."""
    try:
        old = path.read_text(encoding="utf-8")
        new, count = re.subn(
            f"{re.escape(BEGIN)}.*?{re.escape(END)}", lambda _: f"{BEGIN}\n\n{text}\n\n{END}", old, flags=re.DOTALL
        )
        if count != 1:
            raise VgetrandomError(f"{path} does not have the line {BEGIN!r} and the line {END!r} once; add them")
        path.write_text(new, encoding="utf-8")
    except OSError as error:
        raise VgetrandomError(f"{path} can't be written: {error.strerror}") from error


def _section(table: Table) -> str:
    alignment = ["---" if i < table.left else "--:" for i in range(len(table.header))]
    lines = [_line(table.header), _line(alignment), *map(_line, table.rows)]
    return "\n".join([f"### {table.title}", "", *([table.explanation, ""] if table.explanation else []), *lines])


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("$", "\\$") for cell in cells) + " |"
