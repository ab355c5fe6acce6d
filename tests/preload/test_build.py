"""`vgetrandom build` and `path`: a library for here and for elsewhere, and one line for what can't be."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import needs
import pytest
from command import Vgetrandom, one_line
from elftools.elf.elffile import ELFFile
from foreign import ELF_MACHINES
from vgetrandom.errors import VgetrandomError
from vgetrandom.preload.builder import _command

needs_zig = needs.python("ziglang")


def exported(path: Path) -> set[str]:
    with path.open("rb") as stream:
        symbols = ELFFile(stream).get_section_by_name(".dynsym").iter_symbols()
        return {symbol.name for symbol in symbols if symbol["st_shndx"] != "SHN_UNDEF"}


def test_library_for_this_host_serves(vgetrandom: Vgetrandom, tmp_path: Path) -> None:
    result = vgetrandom("build", cwd=tmp_path)
    built = tmp_path / "libvgetrandom.so"
    assert (result.returncode, result.stdout) == (0, f"{built}\n"), result.stderr
    words = ("run", "--report", tmp_path / "report", "--", sys.executable, "-c", "import os; os.urandom(9)")
    assert vgetrandom(*words, VGETRANDOM_LIBRARY=str(built)).returncode == 0
    assert json.loads((tmp_path / "report").read_text())["vgetrandom"] == 2
    assert (tmp_path / "libvgetrandom-report.so").is_file()


def test_build_replaces_a_library_in_one_step(vgetrandom: Vgetrandom, tmp_path: Path) -> None:
    """A program that has the old file mapped must keep the old file."""
    output = tmp_path / "lib.so"
    output.write_bytes(b"old")
    with output.open("rb") as mapped:
        assert vgetrandom("build", "-o", output).returncode == 0
        assert mapped.read() == b"old"
    assert output.read_bytes()[:4] == b"\x7fELF"
    assert {path.name for path in tmp_path.iterdir()} == {"lib.so", "lib-report.so"}


@needs_zig
@pytest.mark.parametrize("libc", ["gnu", "musl"])
@pytest.mark.parametrize("arch", sorted(ELF_MACHINES))
def test_library_for_another_target(vgetrandom: Vgetrandom, tmp_path: Path, arch: str, libc: str) -> None:
    output = tmp_path / "lib.so"
    result = vgetrandom("build", "--verbose", "--target", f"{arch}-linux-{libc}", "-o", output)
    assert result.returncode == 0, result.stderr
    assert not re.findall(r".*\[-W[\w=-]+\]", result.stdout + result.stderr)  # as the compilers end a warning
    for path in (output, tmp_path / "lib-report.so"):
        with path.open("rb") as stream:
            elf = ELFFile(stream)
            assert (elf["e_machine"], elf["e_type"]) == (ELF_MACHINES[arch], "ET_DYN")
            assert elf.little_endian == (arch != "s390x")
            dynamic = elf.get_section_by_name(".dynamic")
            assert not list(dynamic.iter_tags("DT_NEEDED"))
    assert {"getrandom", "getentropy", "arc4random", "vgetrandom_process"} <= exported(output)
    assert exported(tmp_path / "lib-report.so") == {"_exit", "_Exit", "prctl"}


@pytest.mark.parametrize("sanitizer", ["address", "undefined"])
def test_sanitizers_are_built_in(vgetrandom: Vgetrandom, tmp_path: Path, sanitizer: str) -> None:
    output = tmp_path / "lib.so"
    result = vgetrandom("build", "--sanitize", sanitizer, "-o", output)
    assert result.returncode == 0, result.stderr
    prefix = {"address": "__asan_", "undefined": "__ubsan_"}[sanitizer]
    with output.open("rb") as stream:
        names = {symbol.name for symbol in ELFFile(stream).get_section_by_name(".dynsym").iter_symbols()}
    assert any(name.startswith(prefix) for name in names)


@pytest.mark.parametrize("target", ["vax", "x86_64-linux-uclibc", "vax-linux-gnu", "aarch64-linux-gnu-more"])
def test_unknown_target_is_one_line_with_the_known(vgetrandom: Vgetrandom, tmp_path: Path, target: str) -> None:
    result = vgetrandom("build", f"--target={target}", cwd=tmp_path)
    assert result.returncode == 2
    assert all(arch in one_line(result) for arch in ELF_MACHINES)
    assert not list(tmp_path.iterdir())


def test_unknown_sanitizer_is_one_line(vgetrandom: Vgetrandom) -> None:
    result = vgetrandom("build", "--sanitize", "soap")
    assert result.returncode == 2
    assert "soap" in one_line(result)


@pytest.mark.parametrize("changes", [{"PATH": "/nowhere"}, {"CC": "no-such-compiler"}, {"PATH": "/nowhere", "CC": " "}])
def test_no_compiler_is_one_line(vgetrandom: Vgetrandom, tmp_path: Path, changes: dict[str, str]) -> None:
    result = vgetrandom("build", cwd=tmp_path, **changes)
    assert result.returncode == 2
    assert "no C compiler" in one_line(result)


def test_compiler_that_is_no_command_is_one_line(vgetrandom: Vgetrandom, tmp_path: Path) -> None:
    for words in (("build",), ("conform", "native")):
        result = vgetrandom(*words, cwd=tmp_path, CC='gcc "-O2')
        assert result.returncode == 2
        assert "No closing quotation" in one_line(result)


def test_step_that_fails_without_an_error_tells_its_last_words() -> None:
    step = [
        "sh",
        "-c",
        "echo first; echo /bin/sh: rm: not found; echo ninja: build stopped: subcommand failed.; exit 1",
    ]
    with pytest.raises(VgetrandomError, match=r"^the build failed: /bin/sh: rm: not found; --verbose"):
        _command(step, dict(os.environ), verbose=False)


def test_compiler_that_fails_is_one_line(vgetrandom: Vgetrandom, tmp_path: Path) -> None:
    compiler = tmp_path / "cc"
    compiler.write_text("#!/bin/sh\nexit 1\n")
    compiler.chmod(0o755)
    result = vgetrandom("build", "-o", tmp_path / "lib.so", CC=str(compiler))
    assert result.returncode == 2
    assert "--verbose" in one_line(result)


@pytest.mark.parametrize("output", ["/no/such/folder/lib.so", "/proc/lib.so", "/"])
def test_output_that_can_not_be_written_is_one_line(vgetrandom: Vgetrandom, output: str) -> None:
    result = vgetrandom("build", "-o", output)
    assert result.returncode == 2
    assert "can't write" in one_line(result)


@needs_zig
def test_cross_build_needs_no_home(vgetrandom: Vgetrandom, tmp_path: Path) -> None:
    output = tmp_path / "lib.so"
    result = vgetrandom("build", "--target", "aarch64-linux-musl", "-o", output, HOME="/proc/none", XDG_CACHE_HOME=None)
    assert result.returncode == 0, result.stderr


def test_path_prints_the_library_that_ld_preload_takes(vgetrandom: Vgetrandom, library: Path) -> None:
    result = vgetrandom("path")
    assert (result.returncode, result.stdout) == (0, f"{library}\n")
    subprocess.run(["true"], env={**os.environ, "LD_PRELOAD": result.stdout.strip()}, check=True)


def test_path_of_a_removed_library_is_one_line(vgetrandom: Vgetrandom) -> None:
    result = vgetrandom("path", VGETRANDOM_LIBRARY="/nowhere.so")
    assert result.returncode == 2
    assert "/nowhere.so" in one_line(result)
