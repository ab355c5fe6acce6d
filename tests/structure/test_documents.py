"""Links within the documents lead somewhere, and the picture of a draw speaks of the code that is there."""

from __future__ import annotations

import re
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from conftest import ROOT

PICTURE = ROOT / "docs" / "draw.svg"


def pages() -> list[Path]:
    """Every document of the repository; those of the working tree where git does not answer."""
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True).stdout.split()
    return [ROOT / name for name in listed] or [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


def anchors(text: str) -> set[str]:
    """What the headings of a page can be linked by: small letters, digits and strokes, as GitHub makes them."""
    prose = re.sub(r"^( {4}|\t).*$", "", text, flags=re.MULTILINE)
    headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(page: Path) -> list[str]:
    wrong = []
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if "://" in target or target.startswith("mailto:"):
            continue
        name, _, anchor = target.partition("#")
        found = (page.parent / name) if name else page
        if not found.exists() or (anchor and anchor not in anchors(found.read_text(encoding="utf-8"))):
            wrong.append(target)
    return wrong


def test_every_link_within_the_documents_leads_somewhere() -> None:
    assert {str(page.relative_to(ROOT)): wrong for page in pages() if (wrong := broken_links(page))} == {}


@pytest.mark.parametrize(
    ("target", "good"),
    [
        ("other.md", True),
        ("other.md#what-it-cant-do", True),
        ("#here", True),
        ("https://nowhere.invalid/x", True),
        ("gone.md", False),
        ("other.md#gone", False),
        ("#code", False),
    ],
)
def test_a_link_that_leads_nowhere_is_found(tmp_path: Path, target: str, good: bool) -> None:
    (tmp_path / "other.md").write_text("## What it can't do\n")
    page = tmp_path / "page.md"
    page.write_text(f"# Here\n\n    # Code\n\n[a link]({target})\n")
    assert broken_links(page) == ([] if good else [target])


def test_the_picture_of_a_draw_names_functions_that_are_there() -> None:
    root = ElementTree.parse(PICTURE).getroot()
    text = " ".join(root.itertext())
    names = set(re.findall(r"\b(\w+)\(\)", text)) - {"syscall"}
    code = "".join(path.read_text() for path in (ROOT / "shim" / "core").glob("*.[ch]"))
    assert len(names) >= 6
    assert not [name for name in names if not re.search(rf"\b{name}\(", code)]
    assert "prefers-color-scheme: dark" in text
