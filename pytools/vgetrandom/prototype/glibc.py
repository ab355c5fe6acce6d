"""Building glibc: the libraries that programs load, without archives, programs, locales and tests."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from ..errors import VgetrandomError
from .building import Job, command

TOOLS = {"bison": "bison", "gawk": "gawk", "python3": "python3"}  # beside make and a compiler: Debian's packages
_CONFIGURED = "configured.json"
_OPTIONS = (
    "--prefix=/nowhere",  # the loader's own folders: it finds what --library-path says, and never the host's libc
    "--disable-werror",
    "--without-selinux",
    "--disable-nscd",
    "--disable-build-nscd",
    "--disable-timezone-tools",
    "CFLAGS=-O2",  # without -g: shim/hosts/glibc/Makefile adds it for core alone
)
_LINES = 7300  # that the build prints, about: `make -n` can't tell
# Beside libc and the loader: the folder of the source that a library is of, and its name in the build.
_LIBRARIES = {
    "libm": "math",
    "libresolv": "resolv",
    "libpthread": "nptl",
    "libdl": "dlfcn",
    "librt": "rt",
    "libutil": "login",
}


def build(job: Job) -> None:
    """Raises VgetrandomError when a step fails."""
    words = [str(job.tree / "configure"), "-q", *_OPTIONS, f"CC={' '.join(job.compiler)}"]
    record = job.folder / _CONFIGURED
    if not record.is_file() or json.loads(record.read_text()) != words:
        command(job, "configuring glibc", words)
        record.write_text(json.dumps(words))
    _without_manual(job.tree)
    # Objects for shared libraries alone: half of them. glibc's archives want those that are left.
    make = ["make", "-r", f"-j{job.jobs}", f"objdir={job.folder}", "object-suffixes=.os", "-C", job.tree]
    (job.folder / "libc_pic.a").unlink(missing_ok=True)  # make adds to it, and takes nothing away
    command(job, "building glibc", [*make, "lib"], _LINES)
    for library, folder in _LIBRARIES.items():
        command(job, f"building {library}", [*make[:-1], job.tree / folder, job.folder / folder / f"{library}.so"])
    _install(job)


def _without_manual(tree: Path) -> None:
    """Debian's archives leave the manual's folder out, whose makefile the build calls."""
    makefile = tree / "manual" / "Makefile"
    if not makefile.exists():
        makefile.parent.mkdir(exist_ok=True)
        makefile.write_text("subdir := manual\ninclude ../Makeconfig\ninclude ../Rules\n")


def _install(job: Job) -> None:
    names = library_names(job.folder / "soversions.mk")
    folder = job.stage / str(job.output).lstrip("/") / "lib"
    folder.mkdir(parents=True)
    shutil.copy(job.folder / "libc.so", folder / names["libc"])
    shutil.copy(job.folder / "elf" / "ld.so", folder / names["ld"])
    for library, source in _LIBRARIES.items():
        shutil.copy(job.folder / source / f"{library}.so", folder / names[library])
    _unwinder(job, folder)


def library_names(versions: Path) -> Mapping[str, str]:
    """What programs call each library."""
    variables: dict[str, str] = {}
    names: dict[str, str] = {}
    for line in versions.read_text().splitlines():
        if match := re.fullmatch(r"all-sonames\+=(\w+)=(.*)", line):
            names[match[1]] = re.sub(r"\$\(([\w.-]+)\)", lambda word: variables[word[1]], match[2])
        elif match := re.fullmatch(r"([\w.-]+)=(.*)", line):
            variables[match[1]] = match[2]
    return names


def _unwinder(job: Job, folder: Path) -> None:
    """glibc cancels threads by the compiler's libgcc_s, which it looks for beside itself."""
    name = "libgcc_s.so.1"
    done = subprocess.run([*job.compiler, f"-print-file-name={name}"], capture_output=True, text=True)
    found = Path(done.stdout.strip())
    if not found.is_absolute():
        raise VgetrandomError(
            f"the compiler has no {name}, by which threads are cancelled; install it (Debian: libgcc-s1)"
        )
    shutil.copy(found, folder / name)
