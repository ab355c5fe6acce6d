"""One file for every libc: what the library's ELF file must and must not hold (design, section 2; issue "One binary").

The rules hold on every architecture; the default run reads this host's build, the `slow` one builds for all of them.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import needs
import pytest
from conftest import ROOT, Build
from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection
from elftools.elf.relocation import RelocationSection
from elftools.elf.sections import SymbolTableSection
from vgetrandom.preload.identity import release_of

EXPORTS = {
    "getrandom",
    "getentropy",
    "arc4random",
    "arc4random_buf",
    "arc4random_uniform",
    "syscall",
    "vgetrandom",
    "vgetrandom_process",
}
ALLOWED_UNDEFINED = {"__errno_location": "STB_WEAK", "getauxval": "STB_WEAK", "environ": "STB_WEAK"}
ARCHITECTURES = sorted(path.stem for path in (ROOT / "cross").glob("*.ini"))
TARGETS = [f"{arch}-linux-{libc}" for arch in ARCHITECTURES for libc in ("gnu", "musl")]
MOST_THREAD_LOCAL = 32  # bytes
MOST_PAGE = {"EM_AARCH64": 65536, "EM_LOONGARCH": 65536, "EM_PPC64": 65536}
MOST_PAGE.update({"EM_X86_64": 4096, "EM_RISCV": 4096, "EM_S390": 4096})
# Sections that only the loader writes to.
READ_ONLY_AFTER_LOAD = {".init_array", ".data.rel.ro", ".dynamic", ".got", ".got.plt", ".relro_padding"}
MOST_FILE = 72 * 1024  # bytes, stripped; where pages can have 64 KiB, most of it is a hole before the writable segment

# ELF constants that pyelftools shows as numbers.
DF_BIND_NOW, DF_STATIC_TLS, DF_1_NOW, DF_1_NODELETE = 0x8, 0x10, 0x1, 0x8
PF_W = 2
DF_TEXTREL, DF_SYMBOLIC = 0x4, 0x2
FEATURE_1_AND = {"EM_X86_64": 0xC0000002, "EM_AARCH64": 0xC0000000}  # IBT and SHSTK; BTI and PAC


@pytest.fixture(scope="session", params=["host", *(pytest.param(target, marks=pytest.mark.slow) for target in TARGETS)])
def file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stripped library: this host's, or one that `vgetrandom build` makes for another target."""
    output = tmp_path_factory.mktemp("library") / "libvgetrandom.so"
    if request.param == "host":
        needs.require("strip")
        subprocess.run(["strip", "-o", output, request.getfixturevalue("library")], check=True)
        return output
    needs.require_python("ziglang")
    command = [sys.executable, "-m", "vgetrandom", "build", "--target", request.param, "-o", str(output)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return output


@pytest.fixture
def elf(file: Path) -> Iterator[ELFFile]:
    with file.open("rb") as stream:
        yield ELFFile(stream)


def tags(elf: ELFFile) -> dict[str, int]:
    """The dynamic section, one value a tag."""
    section = next(section for section in elf.iter_sections() if isinstance(section, DynamicSection))
    return {str(tag.entry.d_tag): int(tag.entry.d_val) for tag in section.iter_tags()}


def dynamic_symbols(elf: ELFFile) -> list[Any]:
    section = elf.get_section_by_name(".dynsym")
    assert isinstance(section, SymbolTableSection)
    return [symbol for symbol in section.iter_symbols() if symbol.name]


def segments(elf: ELFFile, kind: str) -> list[Any]:
    return [segment for segment in elf.iter_segments() if segment["p_type"] == kind]


def test_needs_no_other_library(elf: ELFFile) -> None:
    assert "DT_NEEDED" not in tags(elf)


def test_undefined_symbols_are_those_that_the_design_allows(elf: ELFFile) -> None:
    undefined = {
        symbol.name: symbol["st_info"]["bind"] for symbol in dynamic_symbols(elf) if symbol["st_shndx"] == "SHN_UNDEF"
    }
    assert undefined == ALLOWED_UNDEFINED


def test_its_release_can_be_read_without_loading_it(file: Path) -> None:
    """A compiler may put a short text into instructions: GCC 14 did."""
    assert release_of(file) == version("vgetrandom")


def test_asks_for_no_symbol_version(elf: ELFFile) -> None:
    assert not [section.name for section in elf.iter_sections() if isinstance(section, GNUVerNeedSection)]
    assert "DT_VERNEED" not in tags(elf)


def test_exports_exactly_the_promised_names(elf: ELFFile) -> None:
    defined = {symbol.name for symbol in dynamic_symbols(elf) if symbol["st_shndx"] != "SHN_UNDEF"}
    assert defined == EXPORTS


def test_exports_carry_no_version(elf: ELFFile) -> None:
    # With one, a program that asks for getrandom@GLIBC_2.25 would still find it, but the loader would complain.
    assert "DT_VERDEF" not in tags(elf)


def test_the_writable_segment_begins_a_page(elf: ELFFile) -> None:
    """musl's loader gives what lies before it in its page to malloc, and that page is made read-only."""
    (writable,) = (segment for segment in segments(elf, "PT_LOAD") if segment["p_flags"] & PF_W)
    assert writable["p_vaddr"] % MOST_PAGE.get(elf["e_machine"], 4096) == 0
    assert writable["p_filesz"] <= 4096


def test_everything_is_bound_at_load(elf: ELFFile) -> None:
    dynamic = tags(elf)
    assert dynamic.get("DT_FLAGS", 0) & DF_BIND_NOW or "DT_BIND_NOW" in dynamic
    assert dynamic["DT_FLAGS_1"] & DF_1_NOW


def test_it_needs_no_other_library(elf: ELFFile) -> None:
    assert "DT_NEEDED" not in tags(elf)


def test_what_the_file_has_to_be_written_is_for_the_loader_alone(elf: ELFFile) -> None:
    """The library makes it read-only itself, with its record: no PT_GNU_RELRO, no .data, no table to bind lazily."""
    assert not list(segments(elf, "PT_GNU_RELRO"))
    (written,) = [segment for segment in segments(elf, "PT_LOAD") if segment["p_flags"] & 2]
    inside = {
        section.name: section["sh_size"]
        for section in elf.iter_sections()
        if section["sh_flags"] & 3 == 3 and section["sh_type"] != "SHT_NOBITS" and section["sh_size"]
    }
    assert inside and set(inside) <= READ_ONLY_AFTER_LOAD
    assert not elf.get_section_by_name(".plt") and not elf.get_section_by_name(".data")
    if elf["e_machine"] == "EM_X86_64":
        first, end = written["p_vaddr"], written["p_vaddr"] + written["p_filesz"]
        assert first // 4096 == (end - 1) // 4096, "one page"


def test_what_the_program_writes_begins_a_page_of_its_own(elf: ELFFile) -> None:
    """Of the largest size that the architecture's kernel can have."""
    (written,) = [segment for segment in segments(elf, "PT_LOAD") if segment["p_flags"] & 2]
    bss = [
        section
        for section in elf.iter_sections()
        if section["sh_type"] == "SHT_NOBITS" and section["sh_flags"] & 0x403 == 3
    ]
    assert bss and min(section["sh_addr"] for section in bss) >= written["p_vaddr"] + written["p_filesz"]
    assert min(section["sh_addr"] for section in bss) % MOST_PAGE[elf["e_machine"]] == 0


def test_can_not_be_unloaded(elf: ELFFile) -> None:
    assert tags(elf)["DT_FLAGS_1"] & DF_1_NODELETE


def test_no_segment_is_writable_and_executable_nor_the_stack_executable(elf: ELFFile) -> None:
    flags = [segment["p_flags"] for segment in segments(elf, "PT_LOAD")]
    assert all(not (flag & 1 and flag & 2) for flag in flags)
    (stack,) = segments(elf, "PT_GNU_STACK")
    assert not stack["p_flags"] & 1


def test_code_is_not_relocated(elf: ELFFile) -> None:
    dynamic = tags(elf)
    assert "DT_TEXTREL" not in dynamic
    assert not dynamic.get("DT_FLAGS", 0) & (DF_TEXTREL | DF_SYMBOLIC)


def test_markings_of_control_flow_protection(elf: ELFFile) -> None:
    machine = elf["e_machine"]
    if machine not in FEATURE_1_AND:
        needs.another_host(f"of another architecture: {machine} has none")
    kind, found = FEATURE_1_AND[machine], 0
    for segment in elf.iter_segments():
        if segment["p_type"] not in ("PT_NOTE", "PT_GNU_PROPERTY"):
            continue
        # A property: its kind and size, then its data (Linux Extensions to gABI).
        for match in re.finditer(re.escape(kind.to_bytes(4, "little")) + b"\4\0\0\0(....)", segment.data(), re.DOTALL):
            found |= int.from_bytes(match[1], "little")
    assert found & 3 == 3


def test_every_function_begins_where_an_indirect_branch_may_land(elf: ELFFile) -> None:
    if elf["e_machine"] != "EM_X86_64":
        needs.another_host("with an x86-64 processor")
    functions = [symbol for symbol in dynamic_symbols(elf) if symbol["st_info"]["type"] == "STT_FUNC"]
    assert {symbol.name for symbol in functions} == EXPORTS - {"vgetrandom_process"}
    for symbol in functions:
        elf.stream.seek(next(elf.address_offsets(symbol["st_value"])))
        assert elf.stream.read(4) == b"\xf3\x0f\x1e\xfa", f"{symbol.name} does not begin with endbr64"


def test_thread_local_storage_is_small_and_initial_exec(elf: ELFFile) -> None:
    (storage,) = segments(elf, "PT_TLS")
    assert storage["p_memsz"] <= MOST_THREAD_LOCAL
    # General or local dynamic would call __tls_get_addr, and ask for a module number at run time.
    names = re.compile(r"DTPMOD|DTPREL|DTPOFF|TLSDESC", re.IGNORECASE)
    for section in elf.iter_sections():
        if isinstance(section, RelocationSection):
            kinds = {describe(elf, relocation["r_info_type"]) for relocation in section.iter_relocations()}
            assert not [kind for kind in kinds if names.search(kind)]
    if elf["e_machine"] == "EM_X86_64":
        assert tags(elf).get("DT_FLAGS", 0) & DF_STATIC_TLS


def describe(elf: ELFFile, number: int) -> str:
    """A relocation's name, or its number as text where pyelftools has no names for the machine."""
    from elftools.elf.descriptions import describe_reloc_type

    return str(describe_reloc_type(number, elf))


def test_relocations_need_no_resolver(elf: ELFFile) -> None:
    # An IFUNC of ours could run before we are relocated.
    assert not [symbol.name for symbol in dynamic_symbols(elf) if symbol["st_info"]["type"] == "STT_LOOS"]
    for section in elf.iter_sections():
        if isinstance(section, RelocationSection):
            assert not [
                1
                for relocation in section.iter_relocations()
                if "IRELATIVE" in describe(elf, relocation["r_info_type"])
            ]


def test_both_hash_tables_are_there(elf: ELFFile) -> None:
    assert {"DT_HASH", "DT_GNU_HASH"} <= set(tags(elf))


def test_is_small(file: Path) -> None:
    assert file.stat().st_size <= MOST_FILE


def test_archive_takes_no_name_of_the_program(build: Build) -> None:
    """Who links the archive gets the promised names, and beside them only vgetrandom_something."""
    done = subprocess.run(["nm", "--defined-only", "--extern-only", build.archive], capture_output=True, text=True)
    names = {line.split()[-1] for line in done.stdout.splitlines() if len(line.split()) == 3}
    assert names >= EXPORTS
    assert {name for name in names - EXPORTS if not name.startswith("vgetrandom_")} == set()
