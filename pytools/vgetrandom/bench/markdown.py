"""A run as sections of a Markdown document, between marks that a later run replaces."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ..output import document as document_file
from .model import Run
from .tables import facts
from .terminal import noise_text
from .text import Table

BEGIN = "<!-- begin: written by vgetrandom bench show --document -->"
END = document_file.END


def document(run: Run, tables: Sequence[Table]) -> str:
    """The run's circumstances and tables."""
    sentences = [f"- {name}: {value}" for name, value in facts(run)]
    text = noise_text(run)
    sections = ["\n".join([*sentences, *([f"- {text}"] if text else [])])]
    sections += [_section(table) for table in tables]
    return "\n\n".join(sections)


def check(path: Path) -> None:
    """Raises VgetrandomError when the file has no marks or can't be read: before a run of minutes, not after it."""
    document_file.section_of(path, BEGIN)


def replace_section(path: Path, text: str) -> None:
    """Put `text` between the marks in the file; raises VgetrandomError when it has none or can't be written."""
    document_file.replace_section(path, BEGIN, text)


def without_folders(cell: str) -> str:
    """Where a file lies below /usr says which one it is. Any other folder is this machine's alone."""
    return re.sub(r"^/(?!usr/).*/([^/]+ \()", r"\1", cell)


def _section(table: Table) -> str:
    rows = [[without_folders(cell) for cell in row] for row in table.rows]
    lines = document_file.markdown_table(table.header, rows, table.left)
    return "\n".join([f"### {table.title}", "", *([table.explanation, ""] if table.explanation else []), *lines])
