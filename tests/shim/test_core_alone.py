"""shim/core/ compiles alone, with the compiler's own headers and a host's platform.h, and calls only that host."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import needs
import pytest
from conftest import NATIVE, ROOT
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

CORE = ROOT / "shim" / "core"
ALONE = NATIVE / "alone"  # its platform.h
PREFIX = "alone_"
OF_THE_HOST = {"alone_settings", "alone_thread", "alone_getrandom"}
OF_THE_LINKER = {"_GLOBAL_OFFSET_TABLE_", ".TOC."}

# As a libc is compiled, which has no libc to call either.
OPTIONS = ["-std=gnu11", "-O2", "-fPIC", "-ffreestanding", "-fno-stack-protector", "-fvisibility=hidden", "-nostdinc"]
WARNINGS = ["-Werror", "-Wall", "-Wextra"]

EVERYWHERE = {"bulk.c", "draw.c", "slots.c", "unusual.c", "vdso.c"}
VECTORS = {
    "x86_64": ("avx2", "avx512", "sse2"),
    "aarch64": ("neon",),
    "loongarch64": ("lsx",),
    "powerpc64le": ("vsx",),
    "riscv64": ("rvv",),
    "s390x": ("vx",),
}
WITHOUT_VECTORS = "chacha/choose-none.c"  # by a compiler that can't make them
ARCHITECTURES = sorted(path.stem for path in (ROOT / "cross").glob("*.ini"))


def sources(arch: str) -> set[str]:
    return EVERYWHERE | {f"chacha/{name}.c" for name in (*VECTORS[arch], f"choose-{arch}")}


@dataclass(frozen=True)
class Compiler:
    """The words that compile for one architecture, and the folder of the compiler's own headers."""

    words: Sequence[str]
    headers: Path
    arch: str


def found(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def own_compiler(name: str) -> Compiler:
    needs.require(name)
    arch = found(name, "-dumpmachine").partition("-")[0]
    if name == "gcc":
        return Compiler(
            [name, "-fno-tree-loop-distribute-patterns"], Path(found(name, "-print-file-name=include")), arch
        )
    return Compiler([name], Path(found(name, "-print-resource-dir")) / "include", arch)


def zig(arch: str) -> Compiler:
    needs.require_python("ziglang")
    package = importlib.util.find_spec("ziglang")
    assert package and package.origin
    words = [sys.executable, "-m", "ziglang", "cc", "-target", f"{arch}-freestanding-none", "-fno-sanitize=all"]
    return Compiler(words, Path(package.origin).parent / "lib" / "include", arch)


@pytest.fixture(
    scope="module",
    params=[
        "gcc",
        "clang",
        *(pytest.param(f"zig-{arch}", marks=[] if arch == "x86_64" else [pytest.mark.slow]) for arch in ARCHITECTURES),
    ],
)
def compiler(request: pytest.FixtureRequest) -> Compiler:
    name = str(request.param)
    return zig(name.partition("-")[2]) if name.startswith("zig-") else own_compiler(name)


def compiled(compiler: Compiler, source: str, folder: Path) -> Path:
    output = folder / f"{source.replace('/', '-')}.o"
    includes = ["-isystem", str(compiler.headers), "-I", str(ALONE)]
    command = [*compiler.words, *OPTIONS, *WARNINGS, *includes, "-c", str(CORE / source), "-o", str(output)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return output


@pytest.fixture(scope="module")
def objects(compiler: Compiler, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """All of core/ for one architecture; a warning is an error."""
    folder = tmp_path_factory.mktemp("core")
    return [compiled(compiler, source, folder) for source in sorted(sources(compiler.arch))]


def global_symbols(files: Sequence[Path]) -> tuple[set[str], set[str]]:
    """The names that the files define for each other, and those that they leave to somebody else."""
    defined: set[str] = set()
    used: set[str] = set()
    for path in files:
        with path.open("rb") as stream:
            for section in ELFFile(stream).iter_sections():
                if not isinstance(section, SymbolTableSection):
                    continue
                for symbol in section.iter_symbols():
                    if symbol["st_info"]["bind"] != "STB_LOCAL":
                        (used if symbol["st_shndx"] == "SHN_UNDEF" else defined).add(symbol.name)
    return defined, used - defined


def test_nothing_is_undefined_but_what_the_host_declares(objects: list[Path]) -> None:
    _, undefined = global_symbols(objects)
    assert undefined - OF_THE_LINKER == OF_THE_HOST


def test_every_name_that_a_linker_sees_has_the_hosts_prefix(objects: list[Path]) -> None:
    defined, _ = global_symbols(objects)
    assert len(defined) > 10
    assert {name for name in defined if not name.startswith(PREFIX)} == set()


def test_two_hosts_can_link_it_into_one_program(objects: list[Path]) -> None:
    """No symbol is merged with one of the same name elsewhere: none is weak or common."""
    for path in objects:
        with path.open("rb") as stream:
            for section in ELFFile(stream).iter_sections():
                if isinstance(section, SymbolTableSection):
                    kinds = {(str(s["st_info"]["bind"]), str(s["st_shndx"])) for s in section.iter_symbols()}
                    assert not [kind for kind in kinds if kind[0] == "STB_WEAK" or kind[1] == "SHN_COMMON"]


def test_no_constructor_and_no_thread_local_storage_of_its_own(objects: list[Path]) -> None:
    for path in objects:
        with path.open("rb") as stream:
            names = {section.name for section in ELFFile(stream).iter_sections() if section["sh_size"]}
            assert not [
                name for name in names if name.startswith((".init_array", ".ctors", ".tbss", ".tdata", ".data."))
            ]
            assert not [name for name in names if name == ".data"], "what is written is zero at first"


def test_every_source_is_compiled_for_some_architecture() -> None:
    there = {str(path.relative_to(CORE)) for path in CORE.rglob("*.c")}
    assert there == {WITHOUT_VECTORS}.union(*(sources(arch) for arch in ARCHITECTURES))


def test_it_includes_itself_and_the_compilers_headers_alone(compiler: Compiler, tmp_path: Path) -> None:
    allowed = [CORE, ALONE, compiler.headers]
    for source in sorted(sources(compiler.arch)):
        output = tmp_path / "depends"
        includes = ["-isystem", str(compiler.headers), "-I", str(ALONE)]
        command = [
            *compiler.words,
            *OPTIONS,
            *includes,
            "-M",
            "-MF",
            str(output),
            "-c",
            str(CORE / source),
            "-o",
            "/dev/null",
        ]
        subprocess.run(command, check=True, capture_output=True)
        files = [Path(word) for word in output.read_text().replace("\\\n", " ").split()[1:]]
        assert len(files) > 3
        strays = [file for file in files if not any(folder.resolve() in file.resolve().parents for folder in allowed)]
        assert strays == []
