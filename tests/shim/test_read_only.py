"""In a running process nothing that the loader has written of the library can be written to, whatever its status."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

import needs
import pytest
from conftest import Compile
from elftools.elf.elffile import ELFFile
from preloading import Run, run
from witness import alone

PAGE = os.sysconf("SC_PAGE_SIZE")


def written_pages(library: Path) -> range:
    """Offsets from the library's first byte, a page apart: what its file holds to be written to when it is loaded."""
    with library.open("rb") as stream:
        (segment,) = [
            one for one in ELFFile(stream).iter_segments() if one["p_type"] == "PT_LOAD" and one["p_flags"] & 2
        ]
    return range(segment["p_vaddr"] // PAGE * PAGE, segment["p_vaddr"] + segment["p_filesz"], PAGE)


def rights_of_pages(maps: str, library: Path) -> dict[int, str]:
    """The rights of each page of the library's file, by its distance from the first."""
    found = re.findall(rf"^([0-9a-f]+)-([0-9a-f]+) (\S+) .* {re.escape(str(library))}$", maps, re.MULTILINE)
    assert found, f"{library} is not mapped:\n{maps}"
    first = min(int(start, 16) for start, _, _ in found)
    return {at - first: rights for start, end, rights in found for at in range(int(start, 16), int(end, 16), PAGE)}


def read_only(done: Run, library: Path) -> None:
    assert done.status == 0, done.errors
    pages = rights_of_pages(done.text, library)
    written = written_pages(library)
    assert {pages[at] for at in written} == {"r--p"}
    assert not [rights for rights in pages.values() if "w" in rights]
    if platform.machine() == "x86_64":
        assert len(written) == 1


@pytest.mark.parametrize("compiler", ["gcc", "musl-gcc"])
@pytest.mark.parametrize("word", ["", "off", "lock", "nobulk"])
def test_active_or_off(native: Compile, library: Path, compiler: str, word: str) -> None:
    read_only(alone([native("maps", compiler=compiler)], library, VGETRANDOM=word), library)


@pytest.mark.parametrize("compiler", ["gcc", "musl-gcc"])
@pytest.mark.parametrize("how", ["hidden", "nameless", "refuses", "flags=0"])
def test_without_a_vdso_or_its_parameters(
    native: Compile, library: Path, altered: Path, compiler: str, how: str
) -> None:
    read_only(alone([altered, how, native("maps", compiler=compiler)], library), library)


@pytest.mark.parametrize("compiler", ["gcc", "musl-gcc"])
def test_without_memory(native: Compile, library: Path, refusing: Path, compiler: str) -> None:
    read_only(alone([refusing, "mmap/3/0xf/0x8=12", "--", native("maps", compiler=compiler)], library), library)


def test_without_a_libc(native: Compile, library: Path, tmp_path: Path) -> None:
    """Its last system call before the program's own is the one that makes the page read-only."""
    needs.require("strace")
    if platform.machine() != "x86_64":
        needs.another_host("with an x86-64 processor")
    bare = ["-nostdlib", "-pie", "-fPIE", "-Wl,--no-as-needed", "-Wl,--dynamic-linker=/lib64/ld-linux-x86-64.so.2"]
    program = native("no_libc", *bare, "-Wl,--as-needed")
    log = tmp_path / "log"
    assert run(["strace", "-qq", "-o", log, "-E", f"LD_PRELOAD={library}", program]).status == 42
    *_, last, end = log.read_text().splitlines()
    assert re.fullmatch(rf"mprotect\(0x[0-9a-f]+, {PAGE}, PROT_READ\) += 0", last), last
    assert end.startswith("exit_group(42)")


def test_the_control(native: Compile, tmp_path: Path) -> None:
    """A library with data to be written shows pages that can be."""
    source = tmp_path / "data.c"
    source.write_text("int data[1024] = { 1 };\n")
    other = tmp_path / "data.so"
    assert run(["gcc", "-shared", "-fPIC", "-nostdlib", source, "-o", other]).status == 0
    done = alone([native("maps")], other)
    assert [rights for rights in rights_of_pages(done.text, other).values() if "w" in rights]
