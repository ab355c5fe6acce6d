"""One file preloads under every libc: Debian's glibcs from 2.31 on, and musl, each through its own loader."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import needs
import pytest
from conftest import Compile
from tracing import trace
from vgetrandom.errors import VgetrandomError
from vgetrandom.system import debian
from witness import Witness

OLDEST = "bullseye"  # what is linked against its glibc runs under all later ones


@dataclass(frozen=True)
class Libc:
    """A libc of some Debian release, and the words before a program's path that run it there."""

    program: Path
    prefix: tuple[str, ...]
    version: str  # a pattern


def fetched(release: str, *packages: str) -> Path:
    try:
        return debian.fetch(release, "amd64", packages)
    except VgetrandomError as error:
        needs.skip(str(error), needs.MIRROR)


def glibc(native: Compile, release: str, version: str) -> Libc:
    root = fetched(OLDEST, "libc6", "libc6-dev", "linux-libc-dev")
    # The folder's own linker script and links name files of `/`: the libraries are given one by one.
    objects = root / "usr/lib/x86_64-linux-gnu"
    places = [f"--sysroot={root}", f"-B{objects}/", f"-L{root}/lib/x86_64-linux-gnu"]
    libraries = ["-nodefaultlibs", "-l:libpthread.so.0", "-l:libc.so.6", objects / "libc_nonshared.a", "-lgcc"]
    program = native("libcs", *places, *libraries, output="libcs.glibc")
    try:
        folder = debian.libc_directory(release, "amd64")
    except VgetrandomError as error:
        needs.skip(str(error), needs.MIRROR)
    return Libc(program, (str(folder / "ld-linux-x86-64.so.2"), "--library-path", str(folder)), version)


def musl(native: Compile, release: str) -> Libc:
    program = native("libcs", compiler="musl-gcc")
    (loader,) = fetched(release, "musl").rglob("ld-musl-x86_64.so.1")
    library = next(path for path in fetched(release, "musl").rglob("libc.so") if path.is_file())
    return Libc(program, (str(library if loader.is_symlink() else loader),), "musl")


@pytest.fixture(
    params=[
        ("bullseye", r"2\.31"),
        ("bookworm", r"2\.36"),
        ("trixie", r"2\.41"),
        ("sid", r"2\.(4[2-9]|[5-9]\d)"),
        ("bookworm", "musl"),
        ("sid", "musl"),
    ],
    ids=lambda param: f"{'musl' if param[1] == 'musl' else 'glibc'}-{param[0]}",
)
def libc(request: pytest.FixtureRequest, native: Compile) -> Libc:
    release, version = request.param
    return musl(native, release) if version == "musl" else glibc(native, release, version)


def test_every_function_serves_from_the_vdso(libc: Libc, witness: Witness) -> None:
    done = witness.run([*libc.prefix, libc.program])
    assert done.status == 0 and "\nnot ok" not in done.text, done.text + done.errors.decode()
    found = re.search(r"^# fact: libc=(.*)$", done.text, re.MULTILINE)
    assert found and re.fullmatch(libc.version, found[1]), done.text
    child, parent = sorted(done.processes, key=lambda process: not process.forked)
    assert parent.status == child.status == "active"
    # All but the first draws of two threads. A child's thread keeps its state.
    draws, bytes_of_a_turn = 9, 4 * 32 + 5 * 4
    assert parent.calls >= 1010 * draws + 1 - 2 and parent.bytes > 1010 * bytes_of_a_turn
    assert child.calls == 10 * draws and child.bytes == 10 * bytes_of_a_turn
    assert parent.slots == child.slots == 2


def test_the_kernel_sees_hardly_any_system_call(libc: Libc, library: Path) -> None:
    calls = trace([*libc.prefix, libc.program], LD_PRELOAD=str(library))
    seen = Counter(call.name for part in calls.values() for call in part)
    assert seen["getrandom"] < 20  # seeds, two errors, and what libc does for itself; of more than 9,000 draws


def test_without_it_each_draw_is_a_system_call(native: Compile, library: Path) -> None:
    """The control: what the two tests above count is there to be counted."""
    with_off = trace([native("libcs")], LD_PRELOAD=str(library), VGETRANDOM="off")
    seen = Counter(call.name for part in with_off.values() for call in part)
    assert seen["getrandom"] > 9000
