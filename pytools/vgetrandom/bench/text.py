"""Numbers as a person reads them, and plain tables of them."""

from __future__ import annotations

from dataclasses import dataclass

NO_VALUE = "-"


@dataclass(frozen=True)
class Table:
    """Rows of text; the first column is for names, `wide` columns after it too."""

    title: str
    explanation: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: int = 1  # columns that are read from the left


def time_text(ns: float) -> str:
    """Three digits and a unit."""
    for limit, unit, scale in ((1e3, "ns", 1), (1e6, "µs", 1e3), (1e9, "ms", 1e6)):
        if abs(ns) < limit * 0.9995:
            return f"{digits(ns / scale)} {unit}"
    return f"{digits(ns / 1e9)} s"


def size_text(size: int) -> str:
    """Bytes, KiB or MiB."""
    for unit, scale in (("MiB", 1 << 20), ("KiB", 1 << 10)):
        if size >= scale and size % scale == 0:
            return f"{size // scale} {unit}"
    return f"{size} B"


def times_text(value: float) -> str:
    """How many times as fast, or as dear."""
    return f"{digits(value)}x"


def digits(value: float) -> str:
    """Three digits, or all before the point."""
    if abs(value) >= 99.95:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 9.995 else f"{value:.2f}"
