"""Cases are compiled once for each family of libcs, into a cache keyed by content."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import VgetrandomError
from ..preload.builder import host_compiler
from .cases import Case
from .static import archive_of, static_options

# lazy: with immediate binding, lld has IFUNC resolvers called before the functions that they call are bound.
_FLAGS = ("-std=gnu11", "-O2", "-g", "-Wall", "-Wextra", "-pthread", "-Wl,-z,lazy")
# musl-gcc has no kernel headers of its own; behind all else, the host's do.
_KERNEL_HEADERS = ["-idirafter", "/usr/include", "-idirafter", f"/usr/include/{os.uname().machine}-linux-gnu"]
_OLD_GLIBC = "gnu.2.28"  # the oldest that ziglang's cases are made for; all later ones load them


@dataclass(frozen=True)
class Compiler:
    """A command that compiles and links for one family, and what tells two of them apart."""

    command: tuple[str, ...]
    identity: str
    static: bool = False


def find_compiler(family: str) -> Compiler:
    """The compiler for "glibc", "glibc-old" or "musl" programs. Raises VgetrandomError when there is none."""
    return _identified(_command(family))


def _identified(command: Sequence[str]) -> Compiler:
    try:
        version = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise VgetrandomError(f"the compiler {shlex.join(command)} does not run ({error}); set CC to one") from error
    return Compiler(tuple(command), version)


def find_static_compiler(command: Sequence[str]) -> Compiler:
    """The compiler for programs that `command` links statically. Raises VgetrandomError when it can't."""
    found = _identified(command)
    archive = archive_of(command)
    digest = hashlib.sha256(archive.read_bytes()).hexdigest() if archive else ""
    options = static_options(command)
    return Compiler((*found.command, *_KERNEL_HEADERS, *options), f"{found.identity}{archive} {digest}", static=True)


def build_case(case: Case, compiler: Compiler, cache: Path) -> Path:
    """Compile a case and its libraries unless that is done; returns the program.

    Raises VgetrandomError with the compiler's first message when it does not compile.
    """
    headers = sorted(case.path.parent.glob("*.h"))
    digest = hashlib.sha256(repr((compiler, _flags(Path()))).encode())
    for path in (case.path, *case.extra_sources, *case.libraries, *headers):
        digest.update(path.name.encode() + b"\0" + _content(path))
    folder = cache / "conform" / digest.hexdigest()[:24]
    program = folder / case.name
    if program.is_file():
        return program
    scratch = folder.with_name(f"{folder.name}.{os.getpid()}.{case.name}")
    scratch.mkdir(parents=True, exist_ok=True)
    try:
        for library in case.libraries if not compiler.static else ():
            _compile(compiler, [library], scratch / f"{library.stem}.so", ["-shared", "-fPIC"])
        _compile(compiler, [case.path, *case.extra_sources], scratch / case.name, [])
        scratch.chmod(0o755)
        try:
            scratch.rename(folder)
        except OSError:  # another run was faster
            if not program.is_file():
                raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return program


def _command(family: str) -> Sequence[str]:
    zig = [sys.executable, "-m", "ziglang", "cc"] if importlib.util.find_spec("ziglang") else []
    host = host_compiler()
    machine = os.uname().machine
    if family == "musl":
        musl = ["musl-gcc", *_KERNEL_HEADERS] if shutil.which("musl-gcc") else []
        command = musl or (zig and [*zig, "-target", f"{machine}-linux-musl", "-dynamic"])
        missing = "musl-gcc (Debian: musl-tools) or ziglang from PyPI"
    elif family == "glibc-old":
        command = (zig and [*zig, "-target", f"{machine}-linux-{_OLD_GLIBC}"]) or host
        missing = "ziglang from PyPI"
    else:
        command = host or zig
        missing = "a C compiler (Debian: gcc), or ziglang from PyPI"
    if not command:
        raise VgetrandomError(f"the conformance cases can't be compiled; install {missing}")
    return command


def _flags(folder: Path) -> list[str]:
    # The cache goes by contents: where a check failed is said without the folder, which may be another's.
    return [*_FLAGS, f"-fmacro-prefix-map={folder}/="]


def _compile(compiler: Compiler, sources: Sequence[Path], output: Path, options: Sequence[str]) -> None:
    command = [*compiler.command, *_flags(sources[0].parent), *options, *map(str, sources), "-o", str(output), "-ldl"]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError as error:
        raise VgetrandomError(f"the compiler {command[0]} does not run: {error.strerror}") from error
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if "error" in line] or done.stderr.splitlines() or ["?"]
        raise VgetrandomError(f"{sources[0].name} does not compile: {lines[0].strip()}")


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise VgetrandomError(f"a case needs {path}, which can't be read: {error.strerror}") from error
