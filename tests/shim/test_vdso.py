"""shim/core/vdso.c finds a function in the vDSO image that it is given, and nothing where something is missing."""

from __future__ import annotations

import io
import re
import struct
import subprocess
from pathlib import Path
from typing import Any, BinaryIO, Callable

import needs
import pytest
from conftest import NATIVE, ROOT, Compile
from elftools.elf.elffile import ELFFile

NAME, VERSION = "vdso_getrandom", "VERSION_1"
DT_NULL, DT_HASH, DT_STRTAB, DT_SYMTAB, DT_DEBUG = 0, 4, 5, 6, 21
DT_GNU_HASH, DT_VERSYM, DT_VERDEF = 0x6FFFFEF5, 0x6FFFFFF0, 0x6FFFFFFC
PT_NULL, PT_LOAD, PT_DYNAMIC = 0, 1, 2


@pytest.fixture(scope="session")
def lookup(native: Compile) -> Path:
    return native("vdso_lookup", "-I", NATIVE / "alone", ROOT / "shim" / "core" / "vdso.c")


@pytest.fixture(params=["gnu", "sysv", "both"])
def image(request: pytest.FixtureRequest, native: Compile) -> Path:
    return make_image(native, request.param)


def make_image(native: Compile, hash_style: str, base: int = 0) -> Path:
    """A small image like the kernel's, with one kind of hash table or both."""
    script = NATIVE / "vdso_image.lds"
    layout = [f"-Wl,-T,{script}", f"-Wl,--defsym=BASE={base}", f"-Wl,--hash-style={hash_style}"]
    bare = ["-shared", "-nostdlib", "-fPIC", "-fno-asynchronous-unwind-tables", "-fcf-protection=none"]
    return native(
        "vdso_image", *bare, *layout, "-Wl,--build-id=none", "-Wl,--as-needed", output=f"{hash_style}{base}.so"
    )


def find(lookup: Path, image: Path | str, *pairs: tuple[str, str]) -> list[int | None]:
    """The offset of each (name, version) in the image."""
    words = [word for pair in pairs for word in pair]
    done = subprocess.run([lookup, image, *words], capture_output=True, text=True)
    assert done.returncode == 0, (done.returncode, done.stderr)
    return [None if line == "none" else int(line) for line in done.stdout.splitlines()]


def section(elf: ELFFile, name: str) -> Any:
    found = elf.get_section_by_name(name)
    assert found, f"the image has no {name}"
    return found


def functions(image: BinaryIO) -> dict[tuple[str, str], int]:
    """Name, version and offset of the image's functions, as pyelftools reads them."""
    elf = ELFFile(image)
    load = next(segment for segment in elf.iter_segments() if segment["p_type"] == "PT_LOAD")
    definitions = {}
    for definition, names in section(elf, ".gnu.version_d").iter_versions():
        definitions[definition["vd_ndx"]] = next(names).name
    versions = section(elf, ".gnu.version")
    found = {}
    for number, symbol in enumerate(section(elf, ".dynsym").iter_symbols()):
        if symbol["st_info"]["type"] in ("STT_FUNC", "STT_NOTYPE") and symbol["st_shndx"] != "SHN_UNDEF":
            index = versions.get_symbol(number)["ndx"] & 0x7FFF
            found[symbol.name, definitions[index]] = symbol["st_value"] - load["p_vaddr"] + load["p_offset"]
    return found


def test_every_function_is_found_by_name_and_version(lookup: Path, image: Path) -> None:
    with image.open("rb") as stream:
        known = functions(stream)
    assert len(known) == 10
    assert find(lookup, image, *known) == list(known.values())


def test_an_image_that_is_linked_for_another_address(lookup: Path, native: Compile) -> None:
    """As powerpc's once were: the bias is not where the image begins."""
    for hash_style in ("gnu", "sysv"):
        moved = make_image(native, hash_style, base=0x100000)
        with moved.open("rb") as stream:
            known = functions(stream)
        header = subprocess.run(["readelf", "-lW", moved], capture_output=True, text=True).stdout
        assert "0x0000000000100000" in header
        assert find(lookup, moved, *known) == list(known.values())


def test_names_with_the_same_hash_are_told_apart(lookup: Path, image: Path) -> None:
    one, other = find(lookup, image, ("vdso_Ab", VERSION), ("vdso_BA", VERSION))
    assert one and other and one != other


def test_each_version_of_a_name_is_its_own(lookup: Path, image: Path) -> None:
    old, new = find(lookup, image, ("vdso_twice", "VERSION_1"), ("vdso_twice", "VERSION_2"))
    assert old and new and old != new


@pytest.mark.parametrize(
    ("name", "version"),
    [
        (NAME, "VERSION_2"),
        (NAME, "VERSION_3"),
        (NAME, "VERSION_"),
        (NAME, ""),
        (NAME + "x", VERSION),
        (NAME[:-1], VERSION),
        ("", VERSION),
        ("vdso_constant", VERSION),  # no function
        ("vdso_Bb", VERSION),
    ],
)
def test_what_is_not_there_is_not_found(lookup: Path, image: Path, name: str, version: str) -> None:
    assert find(lookup, image, (name, version)) == [None]


class Image:
    """The bytes of an image, to be changed at places that ELF defines."""

    def __init__(self, path: Path) -> None:
        self.bytes = bytearray(path.read_bytes())
        with path.open("rb") as stream:
            elf = ELFFile(stream)
            self.segments, self.segment_count = elf["e_phoff"], elf["e_phnum"]
            self.sections: dict[str, int] = {section.name: section["sh_offset"] for section in elf.iter_sections()}
            names = [symbol.name for symbol in section(elf, ".dynsym").iter_symbols()]
        self.symbol = self.sections[".dynsym"] + 24 * names.index(NAME)  # an Elf64_Sym: name, info, other, shndx, value
        self.version = self.sections[".gnu.version"] + 2 * names.index(NAME)

    def put(self, offset: int, form: str, value: int) -> None:
        struct.pack_into("<" + form, self.bytes, offset, value)

    def without_tag(self, tag: int) -> None:
        """Turn an entry of the dynamic section into one that says nothing."""
        for offset in range(self.sections[".dynamic"], len(self.bytes), 16):
            found = struct.unpack_from("<q", self.bytes, offset)[0]
            if found in (tag, DT_NULL):
                self.put(offset, "q", DT_DEBUG if found == tag else DT_NULL)
                return

    def without_segment(self, kind: int) -> None:
        for offset in range(self.segments, self.segments + 56 * self.segment_count, 56):
            if struct.unpack_from("<I", self.bytes, offset)[0] == kind:
                self.put(offset, "I", PT_NULL)

    def replace(self, old: bytes, new: bytes) -> None:
        assert len(old) == len(new) and old in self.bytes
        self.bytes = self.bytes.replace(old, new)

    def without_buckets(self) -> None:
        for table in (".hash", ".gnu.hash"):
            if table in self.sections:
                self.put(self.sections[table], "I", 0)

    def without_hash_tables(self) -> None:
        self.without_tag(DT_HASH)
        self.without_tag(DT_GNU_HASH)


MANGLINGS: dict[str, Callable[[Image], None]] = {
    "no ELF magic": lambda image: image.put(1, "B", ord("X")),
    "32 bits": lambda image: image.put(4, "B", 1),
    "no segments": lambda image: image.put(56, "H", 0),
    "nothing to load": lambda image: image.without_segment(PT_LOAD),
    "no dynamic segment": lambda image: image.without_segment(PT_DYNAMIC),
    "an empty dynamic section": lambda image: image.put(image.sections[".dynamic"], "q", DT_NULL),
    "no symbols": lambda image: image.without_tag(DT_SYMTAB),
    "no strings": lambda image: image.without_tag(DT_STRTAB),
    "no hash table": Image.without_hash_tables,
    "no hash buckets": Image.without_buckets,
    "another name": lambda image: image.replace(b"\0vdso_getrandom\0", b"\0vdso_getrandoM\0"),
    "another version": lambda image: image.replace(b"\0VERSION_1\0", b"\0VERSION_X\0"),
    "a version of another hash": lambda image: image.replace(sysv_hash(VERSION), b"\1\2\3\4"),
    "the symbol's version is another": lambda image: image.put(image.version, "H", 3),
    "the symbol is undefined": lambda image: image.put(image.symbol + 6, "H", 0),
    "the symbol has no address": lambda image: image.put(image.symbol + 8, "Q", 0),
    "the symbol is data": lambda image: image.put(image.symbol + 4, "B", 0x11),
    "the symbol is thread-local": lambda image: image.put(image.symbol + 4, "B", 0x16),
}


def sysv_hash(name: str) -> bytes:
    """The System V ABI's hash of a name, as a version definition holds it."""
    value = 0
    for letter in name.encode():
        value = (value << 4) + letter
        value = (value ^ (value >> 24 & 0xF0)) & 0x0FFFFFFF
    return struct.pack("<I", value)


@pytest.mark.parametrize("how", MANGLINGS)
def test_nothing_is_found_in_an_image_that_lacks_something(lookup: Path, image: Path, tmp_path: Path, how: str) -> None:
    mangled = Image(image)
    MANGLINGS[how](mangled)
    assert mangled.bytes != image.read_bytes()
    (tmp_path / "image").write_bytes(mangled.bytes)
    assert find(lookup, tmp_path / "image", (NAME, VERSION)) == [None]


@pytest.mark.parametrize("tags", [[DT_VERSYM], [DT_VERDEF], [DT_VERSYM, DT_VERDEF]])
def test_an_image_without_versions_has_every_version(
    lookup: Path, image: Path, tmp_path: Path, tags: list[int]
) -> None:
    """As a linker has it. glibc takes such an image's functions too."""
    mangled = Image(image)
    for tag in tags:
        mangled.without_tag(tag)
    (tmp_path / "image").write_bytes(mangled.bytes)
    assert find(lookup, tmp_path / "image", (NAME, VERSION)) == find(lookup, image, (NAME, VERSION))


@pytest.mark.parametrize("tag", [DT_HASH, DT_GNU_HASH])
def test_either_hash_table_will_do(lookup: Path, native: Compile, tmp_path: Path, tag: int) -> None:
    both = make_image(native, "both")
    mangled = Image(both)
    mangled.without_tag(tag)
    (tmp_path / "image").write_bytes(mangled.bytes)
    assert find(lookup, tmp_path / "image", (NAME, VERSION)) == find(lookup, both, (NAME, VERSION)) != [None]


def test_every_function_of_this_kernels_vdso(lookup: Path) -> None:
    image = own_image()
    known = functions(io.BytesIO(image))
    assert known
    assert find(lookup, "own", *known) == list(known.values())
    assert find(lookup, "own", *((name, "LINUX_1.0") for name, _ in known)) == [None] * len(known)


def own_image() -> bytes:
    """The vDSO of this process: it lies at another address in each, and is the same."""
    found = re.search(r"^([0-9a-f]+)-([0-9a-f]+) .*\[vdso\]$", Path("/proc/self/maps").read_text(), re.MULTILINE)
    if not found:
        needs.another_host("with vDSO getrandom: Linux 6.11 or newer")
    start, end = (int(word, 16) for word in found.groups())
    with Path("/proc/self/mem").open("rb") as memory:
        memory.seek(start)
        return memory.read(end - start)
