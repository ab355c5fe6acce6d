"""Tables: drawn by rich on a terminal, aligned plain lines everywhere else."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from .console import Console

_LEAST = 20  # columns of a long word, or of the last column, which says the most
_FOLDED = 12  # columns of a long word that is folded, so that the first column need not be
_GAP = 2  # columns between two
_BOXED_GAP, _EDGES = 3, 2  # the same in a table with a line, and around it


def printable(text: str) -> str:
    """Text from elsewhere on one line, without the control characters that would steer a terminal."""
    return "".join(character if character.isprintable() else "?" for character in text)


def make_table(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int, styles: Sequence[str] = ()) -> Table:
    """A rich table of `width` columns at most; `styles` has one for each row's first cell. Numbers are set right."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for index, (name, wide) in enumerate(zip(columns, folded_widths(columns, rows, width))):
        numeric = _is_numeric(rows, index)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold", width=wide)
    for number, row in enumerate(rows):
        style = styles[number] if styles else ""
        table.add_row(Text(printable(row[0]), style=style), *(Text(printable(cell)) for cell in row[1:]))
    return table


def folded_widths(
    columns: Sequence[str], rows: Sequence[Sequence[str]], width: int, gap: int = _GAP, words: int = sys.maxsize
) -> list[int]:
    """How wide each column is in a table of `width`: the widest are folded, the first one last of all.

    The first one has what one looks for, such as a name that is typed again. Cells of the columns from `words` on are
    not words, but one thing: "17 ns".
    """
    widths = [max(len(row[index]) for row in (columns, *rows)) for index in range(len(columns))]
    least = _narrowest(columns, rows, words)
    every = range(len(widths))
    folded = [min(most, _FOLDED) for most in least]
    for chosen, floor in ((every[1:], least), (every[1:], folded), (every, folded), (every, [1] * len(widths))):
        while sum(widths) + gap * (len(widths) - 1) > width:
            wide = [index for index in chosen if widths[index] > floor[index]]
            if not wide:
                break
            widths[max(wide, key=lambda index: widths[index])] -= 1
    return widths


def bands(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    width: int,
    gap: int = _GAP,
    kept: int = 1,
    words: int = sys.maxsize,
) -> list[list[int]]:
    """Several tables where one would be too wide: which columns each has. All have the first ones, as many as `kept`.

    A number is never folded, nor is a word that is shorter than _LEAST.
    """
    widths = _narrowest(columns, rows, words)
    found = [list(range(kept))]
    for index in range(kept, len(widths)):
        if sum(widths[i] + gap for i in (*found[-1], index)) - gap > width and len(found[-1]) > kept:
            found.append(list(range(kept)))
        found[-1].append(index)
    return found


def boxed_tables(
    columns: Sequence[str], rows: Sequence[Sequence[Text]], width: int, left: int, kept: int = 1
) -> list[Table]:
    """Tables with a line below the heads: one, or several of which each is `width` columns wide at most.

    The columns from `left` on are set right; the first ones, as many as `kept`, are in each table.
    """
    cells = [[cell.plain for cell in row] for row in rows]
    tables = []
    for shown in bands(columns, cells, width - _EDGES, _BOXED_GAP, kept, left):
        names, part = [columns[index] for index in shown], [[row[index] for index in shown] for row in cells]
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
        words = sum(index < left for index in shown)
        for index, name, wide in zip(shown, names, folded_widths(names, part, width - _EDGES, _BOXED_GAP, words)):
            table.add_column(name, justify="left" if index < left else "right", overflow="fold", width=wide)
        for row in rows:
            table.add_row(*(row[index] for index in shown))
        tables.append(table)
    return tables


def _narrowest(columns: Sequence[str], rows: Sequence[Sequence[str]], words: int) -> list[int]:
    """To what each column can be folded: its longest word, from column `words` on its longest cell, or _LEAST of it."""
    least = []
    for index, name in enumerate(columns):
        cells = [row[index] for row in rows]
        parts = [*name.split(), *(cells if index >= words else [word for cell in cells for word in cell.split()])]
        least.append(min(max(map(len, parts), default=1), _LEAST))
    return least


def plain_lines(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The same as text, with every cell whole: for pipes and logs."""
    cells = [tuple(columns), *(tuple(map(printable, row)) for row in rows)]
    widths = [max(len(row[index]) for row in cells) for index in range(len(columns))]
    right = [_is_numeric(rows, index) for index in range(len(columns))]
    return [
        "  ".join(
            cell.rjust(width) if flush else cell.ljust(width) for cell, width, flush in zip(row, widths, right)
        ).rstrip()
        for row in cells
    ]


def fit(
    columns: Sequence[str], rows: Sequence[Sequence[str]], width: int, spare: Sequence[str]
) -> tuple[list[str], list[list[str]], list[str]]:
    """Columns and rows that fit into `width`, and the names of the columns that were left out.

    Those in `spare` go one by one, the first one first. The last column is folded: _LEAST of it have to fit.
    """
    shown = list(range(len(columns)))
    left_out = []
    for name in spare:
        widths = [max(len(columns[index]), *(len(row[index]) for row in rows), 0) for index in shown[:-1]]
        if sum(widths) + 2 * len(widths) + _LEAST <= width:
            break
        shown.remove(list(columns).index(name))
        left_out.append(name)
    return [columns[index] for index in shown], [[row[index] for index in shown] for row in rows], left_out


def left_out_line(names: Sequence[str], width: int) -> str:
    """What is said of columns that a narrow terminal has no room for."""
    return f"no room for {', '.join(names)} in {width} columns; --json has all"


def print_table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], styles: Sequence[str] = (), spare: Sequence[str] = ()
) -> None:
    """Print to standard output; nothing at all without rows. Columns in `spare` may be left out, with a word."""
    console = Console()
    if not rows:
        return
    if not console.is_terminal:
        print("\n".join(plain_lines(columns, rows)))
        return
    shown, cells, left_out = fit(columns, rows, console.width, spare)
    for number, chosen in enumerate(bands(shown, cells, console.width)):
        if number:
            console.print()
        part = [[row[index] for index in chosen] for row in cells]
        console.print(make_table([shown[index] for index in chosen], part, console.width, styles))
    if left_out:
        print(left_out_line(left_out, console.width))


def _is_numeric(rows: Sequence[Sequence[str]], index: int) -> bool:
    return bool(rows) and all(
        row[index].replace(",", "").replace(".", "").isdigit() or row[index] == "-" for row in rows
    )
