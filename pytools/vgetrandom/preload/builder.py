"""Compiling the library from the sources that the package carries, for this host or another target."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import VgetrandomError
from .library import LIBRARY_NAME, REPORTER_NAME, reporter_beside, source_path

LIBCS = ("gnu", "musl")
SANITIZERS = ("address", "thread", "undefined")
_COMPILERS = ("cc", "gcc", "clang")


@dataclass(frozen=True)
class Target:
    """An architecture as the cross files name it (`aarch64`), and `gnu` or `musl`."""

    arch: str
    libc: str

    def __str__(self) -> str:
        return f"{self.arch}-linux-{self.libc}"


def architectures(source: Path) -> list[str]:
    """The architectures that can be built for: those with a file in `source`/cross."""
    return sorted(path.stem for path in (source / "cross").glob("*.ini"))


def parse_target(text: str, source: Path) -> Target:
    """Read `ARCH-linux-gnu` or `ARCH-linux-musl`; raises VgetrandomError naming the valid ones."""
    known = architectures(source)
    match = re.fullmatch(r"([a-z0-9_]+)-linux-([a-z]+)", text)
    if not match or match[1] not in known or match[2] not in LIBCS:
        raise VgetrandomError(
            f"no target {text!r}; give ARCH-linux-gnu or ARCH-linux-musl, where ARCH is one of {', '.join(known)}"
        )
    return Target(match[1], match[2])


def build_library(output: Path, target: Target | None, sanitize: Sequence[str], verbose: bool) -> Path:
    """Compile the library into the file `output`, for `target` or this host, and return its absolute path.

    The reporter that belongs to it lies beside it then (reporter_beside).
    Raises VgetrandomError when there is no compiler, when it fails, or when `output` can't be written.
    """
    source = source_path()
    _require_tools(target)
    if output.is_dir() or not _writable(output.parent):
        raise VgetrandomError(f"can't write {output}; give another file with -o")
    with tempfile.TemporaryDirectory(prefix="vgetrandom-build-") as folder:
        tree = Path(folder) / "tree"
        meson = [sys.executable, "-m", "mesonbuild.mesonmain"]
        environment = _environment(Path(folder))
        setup = [*meson, "setup", str(tree), str(source), *_options(target, sanitize, Path(folder))]
        _command(setup, environment, verbose)
        _command([*meson, "compile", "-C", str(tree)], environment, verbose)
        for name, place in ((REPORTER_NAME, reporter_beside(output)), (LIBRARY_NAME, output)):
            built = next((path for path in tree.rglob(name) if path.is_file()), None)
            if built is None:
                raise VgetrandomError(f"the build made no {name}; --verbose shows what it did")
            _replace(built, place)
    return output.resolve()


def host_compiler() -> list[str]:
    """The command that compiles for this host: what CC says, else the first of the usual names that is on PATH.

    Empty when there is none. Raises VgetrandomError when CC can't be read as a command.
    """
    try:
        words = shlex.split(os.environ.get("CC", ""))
    except ValueError as error:
        raise VgetrandomError(f"CC is {os.environ['CC']!r}, and that is no command: {error}") from None
    return words or next(([name] for name in _COMPILERS if shutil.which(name)), [])


def _require_tools(target: Target | None) -> None:
    missing = [name for name in ("mesonbuild", "ninja") if importlib.util.find_spec(name) is None]
    if missing:
        names = " ".join(name.replace("mesonbuild", "meson") for name in missing)
        raise VgetrandomError(f"building needs PyPI's {names}; run: {sys.executable} -m pip install {names}")
    if target:
        if importlib.util.find_spec("ziglang") is None:
            raise VgetrandomError(
                f"building for {target} needs PyPI's ziglang; run: {sys.executable} -m pip install ziglang"
            )
        return
    words = host_compiler()
    if not words or not shutil.which(words[0]):
        raise VgetrandomError(
            f"no C compiler found ({words[0] if words else ', '.join(_COMPILERS)}); install one (apt-get install gcc), "
            "or PyPI's ziglang and give --target"
        )


def _environment(folder: Path) -> dict[str, str]:
    """PATH with this interpreter's ninja; a compiler cache that can be written even if the home can't."""
    environment = dict(os.environ)
    environment["PATH"] = os.pathsep.join([sysconfig.get_path("scripts"), environment.get("PATH", os.defpath)])
    cache = environment.get("XDG_CACHE_HOME") or environment.get("HOME")
    if "ZIG_GLOBAL_CACHE_DIR" not in environment and not (cache and _writable(Path(cache))):
        environment["ZIG_GLOBAL_CACHE_DIR"] = str(folder / "zig")
    return environment


def _writable(folder: Path) -> bool:
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _options(target: Target | None, sanitize: Sequence[str], folder: Path) -> list[str]:
    options = []
    if target:
        # The machine is in the tree's cross file; this one says which python has ziglang, and which libc.
        constants = folder / "constants.ini"
        constants.write_text(f"[constants]\nzig = [{sys.executable!r}, '-m', 'ziglang']\nlibc = {target.libc!r}\n")
        options += ["--cross-file", str(source_path() / "cross" / f"{target.arch}.ini"), "--cross-file", str(constants)]
    if sanitize:
        return [*options, f"-Db_sanitize={','.join(sorted(sanitize))}", "-Dbuildtype=debugoptimized"]
    return [*options, "-Dc_link_args=['-s', '-Wl,--build-id=sha1']"]


def _command(command: Sequence[str], environment: dict[str, str], verbose: bool) -> None:
    """Run one step of the build; raises VgetrandomError with the step's own complaint."""
    if verbose:
        if subprocess.run(command, env=environment, stdin=subprocess.DEVNULL).returncode:
            raise VgetrandomError("the build failed, as shown above")
        return
    result = subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    if result.returncode:
        lines = [line.strip() for line in result.stdout.splitlines() if not line.startswith("ninja: build stopped")]
        last = lines[-1] if lines else f"exit status {result.returncode}"
        complaint = next((line for line in lines if re.search(r"\berror\b", line, re.IGNORECASE)), last)
        raise VgetrandomError(f"the build failed: {complaint}; --verbose shows everything")


def _replace(built: Path, output: Path) -> None:
    """Put the new file in the place of the old in one step: programs may have that one mapped."""
    fresh = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        shutil.copyfile(built, fresh)
        fresh.chmod(0o755)
        fresh.replace(output)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise VgetrandomError(f"can't write {output}: {error.strerror}; give another file with -o") from None
