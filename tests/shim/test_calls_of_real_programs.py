"""A real program makes no kind of system call with the library that it does not make with an empty one."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import needs
import pytest
from conftest import Compile
from real_programs import PROGRAMS, Absent, Real, find

SECONDS = 60  # longest that a program may take under strace
RUNS = 10  # with the empty library, at most: some programs, Go's above all, do not make the same kinds each time
_CALL = re.compile(r"(\d+) +(?:<\.\.\. )?(\w+)[( ]")


@pytest.fixture(scope="module")
def libraries(library: Path, native: Compile) -> Iterator[tuple[Path, Path]]:
    """The library, and one with nothing in it, where every user can load them."""
    needs.require("strace")
    with tempfile.TemporaryDirectory(prefix="vgetrandom-") as folder:
        Path(folder).chmod(0o755)
        empty = native("empty", "-shared", "-nostdlib", "-Wl,-z,noseparate-code,-z,norelro", output="libempty.so")
        yield Path(shutil.copy(library, folder)), Path(shutil.copy(empty, folder))


def lines_of(command: Sequence[str], real: Real, library: Path) -> list[str]:
    """What strace writes of one run, in an empty folder that every user can write to."""
    with tempfile.TemporaryDirectory(prefix="vgetrandom-") as name, tempfile.NamedTemporaryFile() as log:
        folder = Path(name)
        folder.chmod(0o777)
        if real.setup:
            (folder / real.setup[0]).write_text(real.setup[1])
        words = ["strace", "-f", "-qq", "-s", "256", "-o", log.name, *(["-u", real.user] if real.user else [])]
        words += ["-E", f"LD_PRELOAD={library}"]
        environment = {**os.environ, "HOME": name, "TMPDIR": name, "GNUPGHOME": name}
        environment.pop("LD_PRELOAD", None)
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run([*words, "--", *command], cwd=folder, env=environment, timeout=SECONDS, **quiet)
        return log.read().decode(errors="replace").splitlines()


def kinds(lines: Sequence[str]) -> set[str]:
    return {found[2] for line in lines if (found := _CALL.match(line))}


@pytest.mark.parametrize(
    "real",
    [pytest.param(real, id=real.name) for real in PROGRAMS if not real.release],
)
def test_no_kind_of_system_call_is_new(real: Real, libraries: tuple[Path, Path]) -> None:
    try:
        found = find(real)
    except Absent as why:
        needs.skip(str(why), needs.install(real.name))
    library, empty = libraries
    made = kinds(lines_of(found.command, real, library))
    known: set[str] = set()
    for _ in range(RUNS):
        known |= kinds(lines_of(found.command, real, empty))
        if made <= known:
            return
        # What scheduling alone brings, such as sched_yield, does not come each time; what the library makes does.
        made &= known | kinds(lines_of(found.command, real, library))
    assert made <= known, f"new: {sorted(made - known)}"


def test_loading_makes_one_mmap_and_one_mprotect_more_than_an_empty_library(libraries: tuple[Path, Path]) -> None:
    """One mmap more is the loader's, for the library's zeros."""
    counts = []
    real = Real("true")
    for library in libraries:
        lines = lines_of(find(real).command, real, library)
        counts.append(Counter(found[2] for line in lines if (found := _CALL.match(line))))
    full, empty = counts
    assert full - empty == Counter(mmap=2, mprotect=1)
    assert not empty - full
