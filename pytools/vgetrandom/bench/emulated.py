"""Instructions of a draw on other architectures, where time under an emulator says nothing.

qemu-user runs one instruction at a time and names each; draws less those before them are what one takes. The library is
compiled from this package's sources, with a small host (native/emulated/); the vDSO is that of Debian's newest kernel.
"""

from __future__ import annotations

import hashlib
import importlib.util
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import VgetrandomError
from ..preload.library import source_path
from ..system import debian
from .building import native_folder
from .model import VDSO, Series
from .session import Progress, Session
from .vdso_image import fetch_vdso

SIZES = {16: 6, 32: 3, 256: 3, 4096: 3, 65536: 1}  # bytes of a draw, and of how many draws a figure is the mean
_KEY_DRAWS = 3  # a large request with vectors draws a key: three are one batch of the vDSO's, whatever the size
_SINCE = 9  # QEMU's version that knows -one-insn-per-tb, and all vectors
_ONE_BY_ONE = ("-one-insn-per-tb", "-d", "exec,nochain")
_ROOM = 1 << 20  # bytes before the image, and of the image with what follows it
_NO_VECTORS = 77  # what native/emulated/count.c ends with
_OPTIONS = (
    *("-static", "-std=gnu11", "-O2", "-fno-sanitize=all", "-fno-strict-aliasing", "-fno-stack-protector"),
    *("-ftls-model=local-exec", "-D_GNU_SOURCE"),
)


@dataclass(frozen=True)
class Architecture:
    """Where its vDSO and its emulator are found, and its vectors, as enum chacha_vector numbers them."""

    vectors: dict[str, int]
    debian: str  # Debian's name
    kernel: str  # what the packages of its kernel end with
    symbol: str
    patches: str = ""  # struct format of an entry of the vDSO's .altinstructions
    qemu: str = ""
    processor: tuple[str, ...] = ()  # QEMU's options
    compiler: tuple[str, ...] = ()


# No QEMU emulates AVX-512.
ARCHITECTURES = {
    "x86_64": Architecture(
        {"sse2": 5, "avx2": 3}, "amd64", "cloud-amd64", "__vdso_getrandom", processor=("-cpu", "max")
    ),
    "aarch64": Architecture({"neon": 2}, "arm64", "cloud-arm64", "__kernel_getrandom", "<iiHBB"),
    "powerpc64le": Architecture({"vsx": 6}, "ppc64el", "powerpc64le", "__kernel_getrandom", qemu="qemu-ppc64le"),
    "s390x": Architecture({"vx": 7}, "s390x", "s390x", "__kernel_getrandom", ">iiIB"),
    "loongarch64": Architecture({"lsx": 8}, "loong64", "loong64", "__vdso_getrandom", compiler=("-mno-lsx",)),
    "riscv64": Architecture({"rvv": 9}, "riscv64", "riscv64", "__vdso_getrandom", processor=("-cpu", "rv64,v=true")),
}


@dataclass(frozen=True)
class Machine:
    """All that counting on an architecture needs."""

    command: tuple[str, ...]  # the emulator and its program
    image: bytes  # the vDSO and what it reads


def prepare(names: Sequence[str], progress: Progress) -> dict[str, Machine]:
    """Compiles a program for each architecture, and fetches its emulator and its vDSO: from some seconds to minutes.

    Raises VgetrandomError when a compiler, an emulator or a kernel is missing.
    """
    if names:
        progress.begin("preparing other architectures", len(names))
    programs = {name: build(name) for name in names}
    machines = {}
    for name, program in programs.items():
        arch = ARCHITECTURES[name]
        image = _with_data(fetch_vdso(arch.debian, arch.kernel, arch.symbol, arch.patches))
        machines[name] = Machine((*_emulator(name), *_ONE_BY_ONE, str(program)), image)
        progress.advance()
    return machines


def measure(session: Session, machines: Mapping[str, Machine]) -> None:
    """Adds "emulated" of each architecture: a draw from the vDSO alone, and by the library with each of its vectors.

    The series' contender is the architecture, its function VDSO or the vectors. Raises VgetrandomError when a draw
    fails.
    """
    kinds = {name: {VDSO: VDSO, **ARCHITECTURES[name].vectors} for name in machines}
    session.progress.begin("other architectures", sum(map(len, kinds.values())) * len(SIZES))
    for name, machine in machines.items():
        with tempfile.TemporaryDirectory(prefix="vgetrandom-bench-") as folder:
            image = Path(folder, "vdso")
            image.write_bytes(machine.image)
            command = [*machine.command, str(image)]
            for kind, most in kinds[name].items():
                for size, usual in SIZES.items():
                    draws = max(usual, _KEY_DRAWS) if kind != VDSO else usual
                    value = (_count(command, most, size, draws) - _count(command, most, size, 0)) / draws
                    session.series.append(Series("emulated", name, kind, size, "instructions", (round(value, 1),)))
                    session.progress.advance()


def _with_data(image: bytes) -> bytes:
    """Between ones, byte by byte, which stand for the kernel's data: its generator is ready, its generation stays.

    So the first draw of a state asks the kernel for a key, and no later one.
    """
    return b"\1" * _ROOM + image.ljust(_ROOM, b"\1")


def _count(command: list[str], most: object, size: int, draws: int) -> int:
    """The instructions of a whole program with so many draws."""
    words = [*command, str(most), str(size), str(draws)]
    with subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) as program:
        assert program.stderr
        try:
            count = sum(piece.count(b"Trace ") for piece in program.stderr)
        except BaseException:
            program.kill()
            raise
    name = Path(command[0]).name
    if program.returncode == _NO_VECTORS:
        raise VgetrandomError(f"{name} does not have the vectors {most}; it is too old")
    if program.returncode != 0:
        raise VgetrandomError(f"a draw under {name} failed, with exit status {program.returncode}; report this")
    return count


def _emulator(name: str) -> list[str]:
    """An installed QEMU that is new enough, or Debian's."""
    arch = ARCHITECTURES[name]
    program = arch.qemu or f"qemu-{name}"
    found = shutil.which(program)
    if not found or _version(found) < _SINCE:
        found = str(debian.fetch("bookworm-backports", "amd64", ["qemu-user"]) / "usr" / "bin" / program)
    return [found, *arch.processor]


def _version(qemu: str) -> int:
    said = subprocess.run([qemu, "--version"], capture_output=True, text=True).stdout
    match = re.search(r"version (\d+)", said)
    return int(match[1]) if match else 0


def build(name: str) -> Path:
    """native/emulated/count.c with core/ for the architecture, kept by content."""
    if importlib.util.find_spec("ziglang") is None:
        raise VgetrandomError(
            f"programs of other architectures need PyPI's ziglang; run: {sys.executable} -m pip install ziglang"
        )
    arch, core, own = ARCHITECTURES[name], source_path() / "shim" / "core", native_folder() / "emulated"
    vectors = [*arch.vectors, *(["avx512"] if name == "x86_64" else [])]
    sources = [own / "count.c", *sorted(core.glob("*.c")), core / "chacha" / f"choose-{name}.c"]
    sources += [core / "chacha" / f"{vector}.c" for vector in vectors]
    command = [sys.executable, "-m", "ziglang", "cc", "-target", f"{name}-linux-musl", *_OPTIONS, *arch.compiler]
    command += [f"-I{own}", f"-I{core}", *map(str, sources)]
    digest = hashlib.sha256(repr(command).encode())
    for path in (*sources, *sorted(core.rglob("*.h")), own / "platform.h"):
        digest.update(path.read_bytes())
    program = debian.cache_folder() / "bench" / digest.hexdigest()[:24] / f"count-{name}"
    if not program.is_file():
        program.parent.mkdir(parents=True, exist_ok=True)
        fresh = program.with_suffix(".new")
        done = subprocess.run([*command, "-o", str(fresh)], capture_output=True, text=True)
        if done.returncode != 0:
            lines = [line for line in done.stderr.splitlines() if "error" in line] or ["?"]
            raise VgetrandomError(f"{program.name} does not compile: {lines[0].strip()}")
        fresh.replace(program)
    return program
