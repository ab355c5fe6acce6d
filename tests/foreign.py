"""Small C programs for other architectures: compiled once a session, and run by qemu-user."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import needs
from conftest import ROOT, one_at_a_time
from vgetrandom.errors import VgetrandomError
from vgetrandom.system import debian

ELF_MACHINES = {
    "x86_64": "EM_X86_64",
    "aarch64": "EM_AARCH64",
    "riscv64": "EM_RISCV",
    "powerpc64le": "EM_PPC64",
    "s390x": "EM_S390",
    "loongarch64": "EM_LOONGARCH",
}
# The first QEMU that emulates an architecture's vectors, as far as it is newer than Debian 12's.
VECTORS_SINCE = {"loongarch64": 9, "riscv64": 9}
_EMULATOR = {"powerpc64le": "qemu-ppc64le"}
_OPTIONS = {"x86_64": ["-cpu", "max"], "riscv64": ["-cpu", "rv64,v=true"]}


def compile_for(arch: str, program: Path, *words: object) -> None:
    """Make `program` for ARCH-linux-musl; `words` are sources and the compiler's options, and may be paths."""
    _compile([*_zig(arch, "musl"), "-std=gnu11", "-I", str(ROOT / "include"), *map(str, words)], program)


def compile_by(
    compiler: str, arch: str, program: Path, sources: Sequence[Path], checked: Path, *options: object
) -> None:
    """Make a static program for ARCH out of `sources` and of `checked`, which `compiler` (gcc or zig) compiles.

    What is not checked is compiled by gcc where it is installed for that architecture: zig would first make a libc.
    Skips where there is no such compiler.
    """
    gcc = [f"{arch}-linux-gnu-gcc"]
    words = ["-std=gnu11", "-fno-strict-aliasing", "-I", ROOT / "include", *options]
    if not shutil.which(gcc[0]):
        if compiler == "gcc":
            needs.require(gcc[0])
        needs.require_python("ziglang")
        compile_for(arch, program, *words, *sources, checked)
        return
    object_file = program.with_name(f"{program.name}.o")
    _compile([*(gcc if compiler == "gcc" else _zig(arch, "gnu")), *map(str, words), "-c", str(checked)], object_file)
    _compile([*gcc, "-static", "-pthread", *map(str, words), *map(str, sources), str(object_file)], program)


def emulator(arch: str, least: int = 0) -> list[str]:
    """What runs a program for ARCH, with vectors: QEMU of version `least` or newer; skips when there is none."""
    name = _EMULATOR.get(arch, f"qemu-{arch}")
    found = shutil.which(name)
    if not found or _version(found) < max(least, VECTORS_SINCE.get(arch, 0)):
        try:
            found = str(debian.fetch("bookworm-backports", "amd64", ["qemu-user"]) / "usr" / "bin" / name)
        except VgetrandomError as error:
            needs.skip(f"needs a newer {name}: {error}", needs.MIRROR)
    return [found, *_OPTIONS.get(arch, [])]


def _zig(arch: str, libc: str) -> list[str]:
    words = [sys.executable, "-m", "ziglang", "cc", "-target", f"{arch}-linux-{libc}"]
    return [*words, "-mno-lsx"] if arch == "loongarch64" else words  # as shim/meson.build


def _version(qemu: str) -> int:
    text = subprocess.run([qemu, "--version"], capture_output=True, text=True, check=True).stdout
    match = re.search(r"version (\d+)", text)
    assert match, text
    return int(match[1])


def _compile(command: Sequence[str], output: Path) -> None:
    with one_at_a_time(output):
        if not output.exists():
            done = subprocess.run([*command, "-o", str(output)], capture_output=True, text=True)
            assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"
