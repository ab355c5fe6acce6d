"""docs/lifting.md as tests read it: its indented blocks and the rows of its tables."""

from __future__ import annotations

import re
import textwrap

from conftest import ROOT

PAGE = (ROOT / "docs/lifting.md").read_text(encoding="utf-8")


def block(first: str) -> str:
    """The indented block that begins with this line, without the indentation; blank lines within it are part of it."""
    found = re.findall(rf"^    {re.escape(first)}\n(?:(?:    .*)?\n)*", PAGE, re.MULTILINE)
    assert len(found) == 1, f"the page has {len(found)} blocks that begin with {first!r}"
    return textwrap.dedent(str(found[0])).strip("\n") + "\n"


def row(first: str, heading: str = "") -> list[str]:
    """The cells of the one row below this heading, up to the next one, whose first cell is this."""
    part = re.split(r"^#", PAGE.split(f"{heading}\n", 1)[1], flags=re.MULTILINE)[0] if heading else PAGE
    lines = [line for line in part.splitlines() if line.startswith(f"| {first} |")]
    assert len(lines) == 1, f"the page has {len(lines)} rows {first!r}"
    return [cell.strip() for cell in lines[0].strip("|").split("|")]
