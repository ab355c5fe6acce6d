"""A report as one HTML file: nothing is loaded from elsewhere, no script, light and dark, readable on a phone.

A verb makes a Page of plain data; this module knows nothing of what it shows.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Union

from ..errors import VgetrandomError

_STYLE = Path(__file__).with_name("page.css")


@dataclass(frozen=True)
class Cell:
    """Text in a table. `tone` is "good", "bad", "warn" or "dim"; `link` the name of a Block on the same page."""

    text: str
    tone: str = ""
    link: str = ""


@dataclass(frozen=True)
class Grid:
    """A table; the first `left` columns are set left, the others right."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str | Cell]]
    left: int = 1


@dataclass(frozen=True)
class Block:
    """Something that is opened by a click: named values, and text as a program printed it."""

    title: str
    values: Sequence[tuple[str, str]]
    printed: str = ""
    tone: str = ""
    name: str = ""  # what a Cell links to
    open: bool = False


@dataclass(frozen=True)
class Figure:
    """A drawing in SVG (chart.py)."""

    svg: str


Part = Union[str, Grid, Block, Figure]  # a str is a paragraph


@dataclass(frozen=True)
class Section:
    title: str
    parts: Sequence[Part]


@dataclass(frozen=True)
class Page:
    """`verdict` is one line below the title, with the tone of a Cell; `facts` are where and on what this was made."""

    title: str
    verdict: Cell
    facts: Sequence[tuple[str, str]]
    sections: Sequence[Section]


def check(path: Path, option: str = "--html") -> None:
    """Raises VgetrandomError when what `option` asks for could not be written there: before a run, not after it."""
    try:
        with path.open("a"):
            pass
    except OSError as error:
        raise VgetrandomError(f"{path} can't be written: {error.strerror}; give {option} another file") from error


def write(path: Path, page: Page) -> None:
    """Write the file. Raises VgetrandomError when it can't be."""
    try:
        path.write_text(as_html(page), encoding="utf-8")
    except OSError as error:
        raise VgetrandomError(f"{path} can't be written: {error.strerror}") from error


def as_html(page: Page) -> str:
    """The whole document."""
    shown = [section for section in page.sections if section.parts]
    links = "".join(f'<a href="#s{number}">{_text(section.title)}</a>' for number, section in enumerate(shown))
    body = "".join(_section(number, section) for number, section in enumerate(shown))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{_text(page.title)}</title>\n<style>\n{_STYLE.read_text(encoding='utf-8')}</style>\n</head>\n<body>\n"
        f'<header><h1>{_text(page.title)}</h1>\n<p class="verdict {page.verdict.tone}">{_text(page.verdict.text)}</p>\n'
        f"{_values(page.facts)}<nav>{links}</nav></header>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )


def _section(number: int, section: Section) -> str:
    parts = "".join(_part(part) for part in section.parts)
    return f'<section id="s{number}">\n<h2>{_text(section.title)}</h2>\n{parts}</section>\n'


def _part(part: Part) -> str:
    if isinstance(part, Grid):
        return _grid(part)
    if isinstance(part, Block):
        return _block(part)
    if isinstance(part, Figure):
        return f"<figure>{part.svg}</figure>\n"
    return f"<p>{_text(part)}</p>\n"


def _grid(grid: Grid) -> str:
    head = "".join(f"<th{_side(grid, index)}>{_text(name)}</th>" for index, name in enumerate(grid.columns))
    rows = "".join(
        "<tr>" + "".join(_cell(cell, _side(grid, index)) for index, cell in enumerate(row)) + "</tr>\n"
        for row in grid.rows
    )
    table = f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody></table>"
    return f'<div class="wide" tabindex="0">{table}</div>\n'


def _side(grid: Grid, index: int) -> str:
    return "" if index < grid.left else ' class="number"'


def _cell(cell: str | Cell, side: str) -> str:
    if isinstance(cell, str):
        return f"<td{side}>{_text(cell)}</td>"
    text = _text(cell.text)
    inner = f'<a href="#{_text(cell.link)}">{text}</a>' if cell.link else text
    return f'<td{side}><span class="{cell.tone}">{inner}</span></td>'


def _block(block: Block) -> str:
    name = f' id="{_text(block.name)}"' if block.name else ""
    printed = f'<pre tabindex="0">{_text(block.printed)}</pre>' if block.printed else ""
    summary = f'<summary><span class="{block.tone}">{_text(block.title)}</span></summary>'
    return f"<details{name}{' open' * block.open}>{summary}{_values(block.values)}{printed}</details>\n"


def _values(values: Sequence[tuple[str, str]]) -> str:
    rows = "".join(f"<dt>{_text(name)}</dt><dd>{_text(value)}</dd>" for name, value in values)
    return f"<dl>{rows}</dl>\n" if rows else ""


def _text(text: str) -> str:
    """Escaped, without the control characters that no document can hold."""
    return html.escape("".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text))
