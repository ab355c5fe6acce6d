"""Workers are compiled on the host where they run, once, into a cache keyed by content."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from ..conformance.building import Compiler, find_compiler
from ..conformance.targets import parse_target
from ..errors import VgetrandomError
from ..preload.library import source_path
from ..system.debian import cache_folder

_FLAGS = ("-std=gnu11", "-O2", "-Wall", "-Wextra", "-pthread")


def native_folder() -> Path:
    """Where the workers' sources are."""
    return Path(__file__).resolve().parent / "native"


def build_worker(contender: Path, family: str) -> Path:
    """Compile the worker of one contender for "glibc", "glibc-old" or "musl" programs; returns the program.

    The vDSO lookup and the calling conventions are the library's own. Raises VgetrandomError when there is no
    compiler for the family, or with the compiler's first message.
    """
    core = source_path() / "shim" / "core"
    sources = [*sorted(native_folder().glob("*.c")), contender, core / "vdso.c"]
    headers = [*sorted(native_folder().rglob("*.h")), *sorted((core / "arch").glob("*.h")), *sorted(core.glob("*.h"))]
    include = [f"-I{folder}" for folder in (native_folder(), contender.parent, core)]
    return _build(contender.stem, [*include, "-D_GNU_SOURCE", *map(str, sources), "-ldl"], [*sources, *headers], family)


def build_empty_library() -> Path:
    """A library with nothing in it: what preloading anything at all costs."""
    return _build("empty.so", ["-shared", "-nostdlib", "-x", "c", os.devnull], [], parse_target("native", None).family)


def _build(name: str, arguments: Sequence[str], inputs: Sequence[Path], family: str) -> Path:
    compiler = find_compiler(family)
    digest = hashlib.sha256(repr((compiler, _FLAGS, arguments)).encode())
    for path in inputs:
        try:
            digest.update(path.read_bytes())
        except OSError as error:
            raise VgetrandomError(f"the benchmark needs {path}, which can't be read: {error.strerror}") from error
    program = cache_folder() / "bench" / digest.hexdigest()[:24] / name
    if not program.is_file():
        _compile(compiler, arguments, program)
    return program


def _compile(compiler: Compiler, arguments: Sequence[str], program: Path) -> None:
    program.parent.mkdir(parents=True, exist_ok=True)
    fresh = program.with_name(f".{program.name}.{os.getpid()}")
    command = [*compiler.command, *_FLAGS, *arguments, "-o", str(fresh)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if "error" in line] or done.stderr.splitlines() or ["?"]
        raise VgetrandomError(f"{program.name} does not compile: {lines[0].strip()}")
    fresh.replace(program)
