"""What several test files share: the library built from this tree, and small C programs compiled once a session."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import needs
import pytest
from command import Vgetrandom, path_with_scripts, runner_for
from preloading import run
from witness import Witness

# Started in the background of a script, or by nohup, this process ignores these: so would what it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)

# A user's Python writes when it has much, or ends.
os.environ.pop("PYTHONUNBUFFERED", None)

ROOT = Path(__file__).resolve().parents[1]
NATIVE = ROOT / "tests" / "native"
REPORTER = "libvgetrandom-report.so"


@dataclass(frozen=True)
class Build:
    """A meson build tree of the library alone."""

    folder: Path

    @property
    def library(self) -> Path:
        return self.folder / "shim" / "preload" / "libvgetrandom.so"

    @property
    def archive(self) -> Path:
        return self.folder / "shim" / "preload" / "libvgetrandom.a"


@contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    """Only one of pytest's worker processes is in here, for each path."""
    with path.with_name(f"{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def meson(*arguments: str, **environment: str) -> None:
    """Run a meson command with this interpreter's ninja on PATH; a failure shows all its output."""
    done = subprocess.run(
        [sys.executable, "-m", "mesonbuild.mesonmain", *arguments],
        env={**os.environ, "PATH": path_with_scripts(), **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all worker processes of this run."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def build(shared_folder: Path) -> Build:
    """The library as `meson setup && meson compile` makes it for this host."""
    folder = shared_folder / "build"
    with one_at_a_time(folder):
        if not (folder / "done").exists():
            shutil.rmtree(folder, ignore_errors=True)
            meson("setup", str(folder), str(ROOT), "--prefix=/usr", "--libdir=lib")
            meson("compile", "-C", str(folder))
            # Beside each other, as they are installed.
            (folder / "shim" / "preload" / REPORTER).symlink_to(folder / "shim" / "report" / REPORTER)
            (folder / "done").touch()
    return Build(folder)


@pytest.fixture(scope="session")
def library(request: pytest.FixtureRequest) -> Path:
    """The shared library to preload: built from this tree, unless VGETRANDOM_TEST_LIBRARY names another build."""
    other = os.environ.get("VGETRANDOM_TEST_LIBRARY")
    if other:
        return Path(other).resolve(strict=True)
    built: Build = request.getfixturevalue("build")
    return built.library


@pytest.fixture
def vgetrandom(library: Path) -> Vgetrandom:
    return runner_for(library)


Compile = Callable[..., Path]


@pytest.fixture(scope="session")
def native(shared_folder: Path) -> Compile:
    """native("name", *options, compiler="gcc", output=None): tests/native/name.c compiled once a session; its program.

    `output` tells apart two programs made from one source. Options may be paths. Skips when there is no such compiler.
    """

    def compile_one(name: str, *options: object, compiler: str = "gcc", output: str | None = None) -> Path:
        needs.require(compiler)
        program = shared_folder / (output or f"{name}.{compiler}")
        source = NATIVE / f"{name}.c"
        command = [compiler, "-std=gnu11", "-O2", "-g", "-Wall", "-Wextra", "-pthread", str(source)]
        command += ["-I", str(ROOT / "tests" / "conformance"), "-I", str(ROOT / "include")]
        command += ["-o", str(program), *map(str, options)]
        if "-nostdlib" not in options:
            command += ["-ldl"]
        with one_at_a_time(program):
            if not program.exists():
                done = subprocess.run(command, capture_output=True, text=True)
                assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"
        return program

    return compile_one


@pytest.fixture(scope="session")
def witness(native: Compile, library: Path) -> Witness:
    """Runs commands with the library and tells what it did in each process."""
    return Witness(library, native("witness", "-shared", "-fPIC", "-nostdlib", "-Wno-address", output="witness.so"))


@pytest.fixture(scope="session")
def altered(native: Compile) -> Path:
    """altered_vdso HOW PROGRAM...: runs it with another vDSO. Skips where that can't be done."""
    program = native("altered_vdso", "-static")
    if os.uname().machine != "x86_64":
        needs.another_host("with an x86-64 processor")
    if run([program, "hidden", "/bin/true"]).status != 0:
        needs.another_host("with vDSO getrandom (Linux 6.11 or newer), on which processes may be traced")
    return program


@pytest.fixture(scope="session")
def refusing(native: Compile) -> Path:
    """refusing CALL=ERRNO... -- PROGRAM...: runs it under a filter. Skips where there are no filters."""
    program = native("refusing", "-static")
    if run([program, "tgkill=1", "--", "/bin/true"]).status != 0:
        needs.another_host("with seccomp filters")
    return program
