"""What docs/lifting.md prints of the code: a start, edits, an allocator, counts and sizes. No libc is built here."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import needs
import pytest
from conftest import ROOT
from prototype.alone import what_a_compiler_says
from prototype.page import PAGE, block, row
from prototype.toys import HOSTS, description, toy_glibc, toy_musl
from vgetrandom.prototype.allocator import find_allocator
from vgetrandom.prototype.lift import Change, Lift, changes
from vgetrandom.prototype.patch import size

SHIM = ROOT / "shim"
PAGE_SIZE, STRIDE = (
    4096,
    192,
)  # bytes on x86-64: of a page, and from one state to the next (144, a tail of 32, a line's end)


def lifted(tree: Path, libc: str, version: str, allocator: str) -> list[Change]:
    found = find_allocator(SHIM, allocator)
    assert found
    return changes(Lift(description(libc), found, True, "x86_64", version), SHIM, tree, tree.parent / "pristine")


def test_the_start_is_musls_own() -> None:
    start = block("hidden void __random_start(const size_t *aux)")
    assert (HOSTS / "musl/start.c").read_text().endswith(start)


def test_the_functions_of_the_start_are_explained_in_their_order() -> None:
    start = block("hidden void __random_start(const size_t *aux)")
    steps = re.findall(r"^\d\. `(\w+)\(\)`", PAGE, re.MULTILINE)
    assert len(steps) == 4
    assert sorted(steps, key=start.index) == steps


def test_musls_edits_are_all_there(tmp_path: Path) -> None:
    found = [change for change in lifted(toy_musl(tmp_path / "musl"), "musl", "1.2.6", "slots") if change.before]
    added = [
        line
        for change in found
        for line in change.after.splitlines()
        if line.strip() and line not in (change.before or "").splitlines()
    ]
    printed = []
    for change in found:
        pieces = re.findall(rf"^    {re.escape(change.file)}\b.*\n((?:    \t.*\n)+)", PAGE, re.MULTILINE)
        assert pieces, f"{change.file} is not on the page"
        printed += [line.strip() for piece in pieces for line in piece.splitlines()]
    assert printed == [line.strip() for line in added]
    assert "eight lines, of which two are empty" in PAGE
    assert (size(found).added, len(added)) == (8, 6)


def test_the_table_of_releases_counts_musls_edits(tmp_path: Path) -> None:
    tree = toy_musl(tmp_path / "musl")
    sizes = [size(lifted(tree, "musl", "1.2.6", name)) for name in ("slots", "percpu", "freelist")]
    first, *others = sizes
    said = row("musl")[2:5]
    assert said == [
        f"{first.added} lines added, none changed, in {first.files} files",
        *(f"{other.added}, in {other.files}" for other in others),
    ]
    assert not any(each.removed for each in sizes)
    assert f"the patch has {first.new_files} new files" in PAGE


@pytest.mark.parametrize("allocator", ["slots", "freelist"])
@pytest.mark.parametrize(("label", "versions"), [("2.36", ["2.36"]), ("2.41 and 2.43", ["2.41", "2.43"])])
def test_the_table_of_glibcs_edits_counts_them(tmp_path: Path, label: str, versions: list[str], allocator: str) -> None:
    for version in versions:
        found = size(lifted(toy_glibc(tmp_path / version), "glibc", version, allocator))
        assert row(f"{label}, {allocator}", "### What is written")[1:] == [
            str(found.added),
            str(found.removed),
            str(found.files),
        ]


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_the_allocator_on_the_page_compiles_without_a_warning(tmp_path: Path, compiler: str) -> None:
    needs.require(compiler)
    own = tmp_path / "my.c"
    own.write_text(block('#include "allocator.h"'))
    found = find_allocator(SHIM, str(own))
    assert found and not found.hooks
    assert what_a_compiler_says(compiler, found, tmp_path / "core") == (0, "")


def test_the_allocators_functions_are_declared_as_the_page_says() -> None:
    header = (SHIM / "hosts/allocators/allocator.h").read_text()
    printed = re.findall(r"^    (\w+ allocator_\w+\([^)]*\);)", PAGE, re.MULTILINE)
    assert len(printed) == 5
    assert all(line in header for line in printed)


def mebibytes(size: int) -> str:
    return f"{size / (1 << 20):.2g} MiB"


def test_memory_is_what_slots_and_its_table_take(tmp_path: Path) -> None:
    text = (SHIM / "core/slots.h").read_text()
    slots = int(re.findall(r"^#define SLOTS (\d+)", text, re.MULTILINE)[0])
    states = -(-slots // (PAGE_SIZE // STRIDE)) * PAGE_SIZE
    table = table_size(tmp_path)
    memory = " ".join(PAGE.split("### Memory\n")[1].split("\n#")[0].split())
    assert f"reserves {mebibytes(states + table)} of address space" in memory
    assert f"{mebibytes(states)} for {slots:,} states, mapped at the start, and {mebibytes(table)} of bss" in memory
    assert f"a state takes {STRIDE} bytes, and a page has {PAGE_SIZE // STRIDE} of them" in memory
    assert set(re.findall(r"[\d.]+ Mi?B", row("mlockall, core dumps, RLIMIT_AS?")[1])) == {
        mebibytes(states + table),
        mebibytes(states),
    }


def table_size(folder: Path) -> int:
    """Bytes of core's table of slots, by the compiler."""
    source = folder / "table.c"
    source.write_text('#include "slots.h"\nchar size[sizeof(struct slots_table)];\n')
    include = ["-I", SHIM / "core", "-I", ROOT / "tests/native/alone"]
    subprocess.run(["cc", "-c", "-fno-common", *include, source, "-o", folder / "table.o"], check=True)
    listed = subprocess.run(["nm", "-S", folder / "table.o"], capture_output=True, text=True, check=True).stdout
    return int(next(line.split()[1] for line in listed.splitlines() if line.endswith(" size")), 16)
