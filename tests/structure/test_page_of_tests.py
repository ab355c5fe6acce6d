"""tests/README.md names every test, by its file or by a folder that it is in, and nothing that is gone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from conftest import ROOT

TESTS = ROOT / "tests"


def named(page: str) -> set[str]:
    """The files and folders (with a stroke at the end) in the first column of the page's tables."""
    first = [line.split("|")[1] for line in page.splitlines() if line.startswith("|")]
    return {name for cell in first for name in re.findall(r"`([^`]+)`", cell)}


def missing(page: str, files: list[Path]) -> list[str]:
    """What is wrong: each file that neither is named nor lies in a named folder, each named file that is not there."""
    known = named(page)
    wrong = [
        f"{file} is not named"
        for file in files
        if str(file) not in known and not any(f"{folder}/" in known for folder in file.parents)
    ]
    return wrong + [f"{name} is gone" for name in sorted(known) if not name.endswith("/") and Path(name) not in files]


def test_every_test_is_named() -> None:
    files = [path.relative_to(TESTS) for path in sorted(TESTS.rglob("*.py"))]
    folders = {path.relative_to(TESTS) / "any" for path in TESTS.iterdir() if path.is_dir()}
    page = (TESTS / "README.md").read_text(encoding="utf-8")
    ignored = [folder for folder in folders if str(folder).startswith(("__", "."))]
    assert not missing(page, [*files, *sorted(folders.difference(ignored))])


@pytest.mark.parametrize(
    ("page", "wrong"),
    [
        ("| `scan/` | q |\n| `a.py`, `b.py` | q |", []),
        ("| `a.py` | q |\n| `b.py` | q |", ["scan/test_scan.py is not named"]),
        ("| `scan/` | see `a.py` |\n| `b.py` | q |", ["a.py is not named"]),
        ("| `scan/`, `a.py`, `b.py`, `c.py` | q |", ["c.py is gone"]),
    ],
)
def test_what_is_not_named_and_what_is_gone_is_told(page: str, wrong: list[str]) -> None:
    assert missing(page, [Path("a.py"), Path("b.py"), Path("scan/test_scan.py")]) == wrong
