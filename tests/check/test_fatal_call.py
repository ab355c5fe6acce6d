"""`vgetrandom check`: for which system call a filter killed, and who made it; and nobody blamed without evidence."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import needs
import pytest
from command import Vgetrandom
from conftest import Compile
from vgetrandom.check.fatal_call import FatalCall, FatalTrace, Frame

pytestmark = needs.program("strace")


@pytest.fixture
def killed(native: Compile) -> Path:
    return native("killed")


def check(vgetrandom: Vgetrandom, *words: object, **how: Any) -> dict[str, Any]:
    result = vgetrandom("check", "--json", "--reached", "--", *words, **how)
    assert result.returncode in (0, 1), result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.mark.parametrize("way", ["trap", "kill"])
def test_call_and_its_maker_are_named(vgetrandom: Vgetrandom, killed: Path, way: str) -> None:
    found = check(vgetrandom, killed, way)
    if found["without"]["exit_status"] == 3:
        needs.another_host("with seccomp filters")
    assert found["without"]["signal"] == found["with"]["signal"] == "SIGSYS"
    assert found["fatal_call"]["name"] == "sethostname"
    (note,) = [note for note in found["notes"] if "SIGSYS" in note and "filter" in note]
    assert note.startswith("a filter killed a process (SIGSYS) for sethostname")
    if found["fatal_call"]["stack"]:  # strace can be built without
        assert f"made by {killed} (main+" in note


def test_a_kill_with_the_library_alone_is_no_and_names_the_call(vgetrandom: Vgetrandom, killed: Path) -> None:
    found = check(vgetrandom, killed, "kill", "library")
    if found["with"]["exit_status"] == 3:
        needs.another_host("with seccomp filters")
    assert (found["without"]["exit_status"], found["with"]["signal"]) == (0, "SIGSYS")
    assert found["verdict"].startswith("no: with the library the command ends with SIGSYS, without it with exit status")
    assert ": a filter kills it for sethostname" in found["verdict"]
    assert "libvgetrandom" not in found["verdict"], "it did not make that call"


def test_who_is_not_killed_is_not_told_of_it(vgetrandom: Vgetrandom, killed: Path) -> None:
    found = check(vgetrandom, killed, "never")
    assert found["fatal_call"] is None
    assert not any("SIGSYS" in note for note in found["notes"])


def test_a_signal_that_the_program_sends_to_itself_is_no_filters_doing(vgetrandom: Vgetrandom) -> None:
    """SIGSYS by kill(2)."""
    found = check(vgetrandom, sys.executable, "-c", "import os, signal; os.urandom(16); os.kill(os.getpid(), 31)")
    assert found["with"]["signal"] == "SIGSYS"
    assert found["fatal_call"] is None
    assert not any("filter" in note for note in found["notes"])
    assert any("killed by SIGSYS; by whom and for what was not seen" in note for note in found["notes"])


def test_without_strace_nothing_is_claimed(vgetrandom: Vgetrandom, killed: Path, tmp_path: Path) -> None:
    (tmp_path / "sh").symlink_to("/bin/sh")
    found = check(vgetrandom, killed, "kill", PATH=str(tmp_path))
    assert found["fatal_call"] is None
    assert not any("made by" in note for note in found["notes"])


KILL = """\
7 execve(0x7ffd, 0x7ffc, 0x7ffb) = 0
 > /usr/bin/strace(main+0x1) [0x1]
7 openat(0xffffff9c, 0x7f1b, 0, 0) = 257
 > /usr/lib/x86_64-linux-gnu/libc.so.6(__open64+0x51) [0xf8011]
 > /opt/server(read settings+0x3) [0x44]
7 +++ killed by SIGSYS +++
"""
TRAP = """\
8 openat(0xffffff9c, 0x7f1b, 0, 0) = 3
9 getpid() = 9
9 --- SIGSYS {si_signo=SIGSYS, si_code=SYS_SECCOMP, si_call_addr=0x7f50, si_syscall=__NR_bind, si_arch=AUDIT} ---
 > /opt/server() [0x51]
8 getpid() = 9
9 +++ killed by SIGSYS (core dumped) +++
"""


@pytest.mark.parametrize(
    ("log", "call", "makers"),
    [
        (KILL, "openat", (Frame("/opt/server", "read settings+0x3"),)),
        (TRAP, "bind", (Frame("/opt/server", ""),)),
        (TRAP.replace("9 +++ killed by SIGSYS (core dumped)", "9 +++ exited with 0"), None, ()),
    ],
)
def test_a_log_is_read(log: str, call: str | None, makers: tuple[Frame, ...]) -> None:
    trace = FatalTrace()
    trace.read(log.splitlines(keepends=True))
    assert (trace.fatal.name if trace.fatal else None) == call
    assert (trace.fatal or FatalCall("")).makers == makers
    assert os.sep not in (call or "")
