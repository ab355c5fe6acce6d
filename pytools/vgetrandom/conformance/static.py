"""Statically linked programs: which command links them, with which functions of their libc, from which archive."""

from __future__ import annotations

import platform
import re
import shlex
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ..errors import VgetrandomError
from ..preload.builder import host_compiler
from .cases import cases_folder

ARCHIVE = "libc.a"
_MULTIARCH = {"ppc64le": "powerpc64le"}  # where Debian's name of an architecture is not uname(2)'s


def static_command(what: str) -> tuple[str, ...]:
    """The command that compiles and links statically against `what`: a folder with a libc.a, or a compiler command.

    "" is this host's own libc. In a folder, musl's own musl-gcc is used if it is there, else the host's compiler with
    the folder's start files, headers and archive. Raises VgetrandomError when there is none.
    """
    folder = Path(what)
    if what and folder.is_dir():
        return (*_compiler_of(folder.resolve()), "-static")
    if "/" in what and not folder.exists() and len(what.split()) == 1:
        raise VgetrandomError(f"{what} is not there; static: takes a folder with {ARCHIVE}, or a compiler command")
    try:
        words = shlex.split(what) or host_compiler()
    except ValueError as error:
        raise VgetrandomError(f"{what!r} is no command: {error}") from None
    if not words:
        raise VgetrandomError("there is no C compiler to link static programs; install one (Debian: gcc)")
    return (*words, "-static")


def static_options(command: Sequence[str]) -> tuple[str, ...]:
    """What the cases need beyond `command`: the functions that this libc has are fetched from its archive.

    A weak reference does not make the linker look into an archive, and -u of a function that is nowhere fails.
    Raises VgetrandomError when not even a program that does nothing can be linked.
    """
    _link(command, "")
    text = (cases_folder() / "libc.h").read_text(encoding="utf-8")
    names = dict.fromkeys(re.findall(r"\beach\((\w+)\)", text))
    found = [name for name in names if _has(command, name)]
    return ("-DCONFORM_STATIC", *(f"-Wl,-u,{name}" for name in found))


def archive_of(command: Sequence[str]) -> Path | None:
    """The libc.a that the linker takes; None where the linker can't tell (ld's --trace)."""
    said = _link(command, "", "-Wl,--trace")
    found = re.search(rf"^\(?(/.*/{re.escape(ARCHIVE)})(?:\)|$)", said, re.MULTILINE)
    return Path(found[1]).resolve() if found else None


def require_archive(name: str, archive: Path | None, folder: Path) -> None:
    """Raises VgetrandomError when the linker took another libc.a than one in `folder`, or does not tell."""
    if archive is None:
        raise VgetrandomError(f"{name}: the linker does not tell which {ARCHIVE} it takes; set CC to a gcc with GNU ld")
    if folder.resolve() not in archive.parents:
        raise VgetrandomError(f"{name}: the linker takes {archive}, which is not in {folder}")


def _compiler_of(folder: Path) -> tuple[str, ...]:
    wrapper = next(
        (path for path in (folder / "bin/musl-gcc", folder / "usr/local/musl/bin/musl-gcc") if path.exists()), None
    )
    if wrapper:
        return (str(wrapper),)
    archive = next(iter(sorted(folder.rglob(ARCHIVE))), None)
    if archive is None:
        raise VgetrandomError(f"there is no {ARCHIVE} in {folder}; static: needs a libc that was built static")
    compiler = host_compiler()
    if not compiler:
        raise VgetrandomError("there is no C compiler to link static programs; install one (Debian: gcc)")
    start = next((path.parent for path in sorted(folder.rglob("crt1.o"))), archive.parent)
    headers = [path.parent for path in sorted(folder.rglob("stdio.h")) if path.parent.name != "bits"][:1]
    # Debian's packages have the headers of all architectures side by side: those of another have its call numbers.
    own = {f"{_MULTIARCH.get(platform.machine(), platform.machine())}-linux-{libc}" for libc in ("gnu", "musl")}
    machine = [path for header in headers for path in sorted(header.iterdir()) if path.name in own]
    # Behind the libc's own headers come the compiler's and the kernel's: -isystem goes before what the compiler knows.
    include = [word for path in (*headers, *machine) for word in ("-isystem", str(path))]
    return (*compiler, *include, f"-B{start}/", f"-L{archive.parent}")


def _has(command: Sequence[str], name: str) -> bool:
    try:
        _link(command, f'extern char function[] __asm__("{name}"); void *volatile kept; ', body="kept = function;")
    except VgetrandomError:
        return False
    return True


def _link(command: Sequence[str], declarations: str, *options: str, body: str = "") -> str:
    """Link a program; what the linker printed. Raises VgetrandomError when it can't be linked."""
    with tempfile.TemporaryDirectory(prefix="conform-static-") as folder:
        source = Path(folder, "one.c")
        source.write_text(f"{declarations}int main(void) {{ {body} return 0; }}\n")
        words = [*command, "-pthread", str(source), "-o", str(Path(folder, "one")), *options]
        try:
            done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
        except OSError as error:
            raise VgetrandomError(f"{words[0]} can't be run: {error.strerror}; static: takes a compiler") from error
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if "error" in line or "cannot find" in line] or ["?"]
        raise VgetrandomError(f"{shlex.join(command)} can't link a static program: {lines[0].strip()}")
    return done.stdout + done.stderr
