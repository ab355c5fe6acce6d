"""What runs in a guest, compiled for it: the library, the conformance cases, and the guest's first program."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ..conformance.building import Compiler, build_case
from ..conformance.cases import Case
from ..conformance.identity import probe as identity_probe
from ..errors import VgetrandomError
from ..preload.builder import Target, build_library
from ..preload.library import LIBRARY_NAME, reporter_beside, source_path

# Of guests whose libc is just a folder with files. It is written into the programs: set-uid ones read no variable.
LIBC_FOLDER = "/libc"
_HERE = Path(__file__).parent
# Elsewhere 2.28, older than any cell's. loongarch64: the first with that architecture; powerpc64le: with the long
# double that this compiler means.
_OLDEST_GLIBC = {"loongarch64": "2.36", "powerpc64le": "2.32"}


@dataclass(frozen=True)
class Programs:
    """Files for one target. A case that did not compile has the reason instead of a file."""

    init: Path
    library: Path
    probe: Path
    identity: Path
    cases: dict[str, Path | VgetrandomError]


def build_programs(
    target: Target, cases: Sequence[Case], cache: Path, jobs: int, done: Callable[[str], None] = lambda name: None
) -> Programs:
    """Compile everything for one target, as far as it is not in the cache; `done` gets the name of each part.

    Raises VgetrandomError when there is no ziglang, or when the library or the guest's own programs do not compile.
    """
    suffix = f"gnu.{_OLDEST_GLIBC.get(target.arch, '2.28')}" if target.libc == "gnu" else "musl"
    dynamic = [] if target.libc == "gnu" else ["-dynamic"]
    compiler = zig_compiler(f"{target.arch}-linux-{suffix}", *dynamic, f"-Wl,-rpath,{LIBC_FOLDER}")
    static = zig_compiler(f"{target.arch}-linux-musl", "-static")
    init = build_case(_own("init"), static, cache)
    probe = build_case(_own("probe"), compiler, cache)
    identity = build_case(identity_probe(), compiler, cache)
    done("init")
    library = build_shim(target, cache / "matrix")
    done("library")

    def one(case: Case) -> Path | VgetrandomError:
        try:
            return build_case(case, compiler, cache)
        except VgetrandomError as error:
            return error
        finally:
            done(case.name)

    with ThreadPoolExecutor(jobs) as pool:
        built = list(pool.map(one, cases))
    return Programs(init, library, probe, identity, {case.name: program for case, program in zip(cases, built)})


def _own(name: str) -> Case:
    """A program of this package, in the form that the suite's compile step takes."""
    return Case(name, "matrix", "", "", "promise", _HERE / f"{name}.c", (), (), False)


def zig_compiler(target: str, *options: str) -> Compiler:
    """PyPI's ziglang for a target as it names it. Raises VgetrandomError where it is not installed."""
    return Compiler((sys.executable, "-m", "ziglang", "cc", "-target", target, *options), _zig_version())


@functools.lru_cache(None)
def _zig_version() -> str:
    if importlib.util.find_spec("ziglang") is None:
        raise VgetrandomError(
            f"programs for guests need PyPI's ziglang as a compiler; run: {sys.executable} -m pip install ziglang"
        )
    command = [sys.executable, "-m", "ziglang", "version"]
    return subprocess.run(command, capture_output=True, text=True).stdout.strip()


def build_shim(target: Target, cache: Path) -> Path:
    """The library for a target, from this package's sources, kept by their contents.

    Raises VgetrandomError as build_library does.
    """
    digest = hashlib.sha256(f"{target} {_zig_version()}".encode())
    source = source_path()
    parts = [source / "meson.build", source / "meson.options", source / "cross" / f"{target.arch}.ini"]
    parts += [path for folder in ("shim", "include") for path in sorted((source / folder).rglob("*")) if path.is_file()]
    for path in parts:
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    output = cache / f"library-{digest.hexdigest()[:24]}" / LIBRARY_NAME
    if not (output.is_file() and reporter_beside(output).is_file()):
        output.parent.mkdir(parents=True, exist_ok=True)
        build_library(output, target, [], False)
    return output
