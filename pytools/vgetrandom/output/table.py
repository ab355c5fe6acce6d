"""Tables: drawn by rich on a terminal, aligned plain lines everywhere else."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from .console import Console

_LEAST = 20  # columns for the last one, which says the most


def printable(text: str) -> str:
    """Text from elsewhere on one line, without the control characters that would steer a terminal."""
    return "".join(character if character.isprintable() else "?" for character in text)


def make_table(columns: Sequence[str], rows: Sequence[Sequence[str]], styles: Sequence[str] = ()) -> Table:
    """A rich table; `styles` has one for each row's first cell. A column whose cells are all numbers is set right."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for index, name in enumerate(columns):
        table.add_column(name, justify="right" if _is_numeric(rows, index) else "left", overflow="fold")
    for number, row in enumerate(rows):
        style = styles[number] if styles else ""
        table.add_row(Text(printable(row[0]), style=style), *(Text(printable(cell)) for cell in row[1:]))
    return table


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
    console.print(make_table(shown, cells, styles))
    if left_out:
        print(left_out_line(left_out, console.width))


def _is_numeric(rows: Sequence[Sequence[str]], index: int) -> bool:
    return bool(rows) and all(
        row[index].replace(",", "").replace(".", "").isdigit() or row[index] == "-" for row in rows
    )
