"""What runs in a guest that is cloned, compiled for it: its first program, and draw.c with each way to draw."""

from __future__ import annotations

import dataclasses
import hashlib
import platform
from collections.abc import Iterable
from pathlib import Path

from ..bench.building import native_folder as bench_folder
from ..conformance.building import Compiler, build_case
from ..conformance.cases import Case
from ..errors import VgetrandomError
from ..matrix.programs import build_shim, zig_compiler
from ..preload.builder import Target
from ..preload.library import library_path

_NATIVE = Path(__file__).parent / "native"
_GLIBC = "gnu.2.28"  # older than any root's


def build_init(arch: str, cache: Path) -> Path:
    """The guest's first program. Raises VgetrandomError when it does not compile, or there is no compiler."""
    return _build(
        "init", [_NATIVE / "watch.c", _NATIVE / "disk.c"], zig_compiler(f"{arch}-linux-musl", "-static"), cache
    )


def build_draws(arch: str, names: Iterable[str], cache: Path) -> dict[str, Path]:
    """draw.c with each of these ways to draw. Raises VgetrandomError as build_init."""
    folders = (_NATIVE, bench_folder())
    compiler = zig_compiler(f"{arch}-linux-{_GLIBC}", *(f"-I{folder}" for folder in folders))
    return {name: _build("draw", [_way(name)], compiler, cache) for name in dict.fromkeys(names)}


def library_for(arch: str, cache: Path) -> Path:
    """The library to preload in a guest: this installation's, or, for another architecture, built from its sources."""
    return library_path() if arch == platform.machine() else build_shim(Target(arch, "gnu"), cache / "matrix")


def _way(name: str) -> Path:
    for folder in (_NATIVE, bench_folder()):
        path = folder / "contenders" / f"{name}.c"
        if path.is_file():
            return path
    raise VgetrandomError(f"there is no way to draw {name!r}; contenders.toml names a file of a contenders folder")


def _build(name: str, others: list[Path], compiler: Compiler, cache: Path) -> Path:
    """In the form that the suite's compile step takes, which keeps what it made by the contents of its sources."""
    headers = [path for folder in (_NATIVE, bench_folder()) for path in sorted(folder.rglob("*.h"))]
    digest = hashlib.sha256(b"\0".join(path.read_bytes() for path in headers)).hexdigest()
    source = Case(name, "clones", "", "", "promise", _NATIVE / f"{name}.c", tuple(others), (), False)
    return build_case(source, dataclasses.replace(compiler, identity=compiler.identity + digest), cache)
