"""SIGTERM and SIGHUP end the whole of `check`, and with it every process that it started."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import needs
import pytest
from command import command_line, environment_with

SECONDS = 60  # to wait at most
# A process below a process, which notes its pid and, when told to, ends by nothing but SIGKILL.
PROGRAM = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN if "stubborn" in sys.argv else signal.SIG_DFL)
os.write(os.open("pids", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), b"%d\\n" % os.getpid())
time.sleep(600)
"""


def wait_for(path: Path, lines: int) -> list[int]:
    """The pids in a file, once it is there with so many of them."""
    limit = time.monotonic() + SECONDS
    while not path.exists() or len(path.read_text().splitlines()) < lines:
        assert time.monotonic() < limit
        time.sleep(0.05)
    return [int(line) for line in path.read_text().splitlines()]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("kind", ["polite", "stubborn"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("traced", [True, False])
def test_signal_ends_check_and_all_that_it_started(
    library: Path, tmp_path: Path, traced: bool, number: signal.Signals, kind: str
) -> None:
    if traced:
        needs.require("strace")
    path = None
    if not traced:
        path = str(tmp_path / "bin")
        Path(path).mkdir()
    child = f"{shlex.quote(sys.executable)} -c {shlex.quote(PROGRAM)} {kind}"
    process = subprocess.Popen(
        command_line("check", "--", "/bin/sh", "-c", f"{child} & {child} & wait"),
        env=environment_with(library, PATH=path or os.environ["PATH"]),
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        pids = wait_for(tmp_path / "pids", 2)
        process.send_signal(number)
        output, errors = process.communicate(timeout=SECONDS)
        left = [pid for pid in pids if is_alive(pid)]
    finally:
        process.kill()
        for pid in wait_for(tmp_path / "pids", 0):
            if is_alive(pid):
                os.kill(pid, signal.SIGKILL)
    assert not left
    assert (process.returncode, output, errors) == (128 + number, "", "vgetrandom: terminated\n")
    assert len((tmp_path / "pids").read_text().splitlines()) == 2, "another run was begun"


def test_hangup_that_is_ignored_stays_ignored(library: Path, tmp_path: Path) -> None:
    """nohup(1)."""
    program = PROGRAM.replace("time.sleep(600)", "time.sleep(2)")
    words = command_line("check", "--once", "--", sys.executable, "-c", program)
    process = subprocess.Popen(
        ["sh", "-c", "trap '' HUP; exec \"$@\"", "sh", *words],
        env=environment_with(library),
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    wait_for(tmp_path / "pids", 1)
    process.send_signal(signal.SIGHUP)
    output, _ = process.communicate(timeout=SECONDS)
    assert process.returncode in (0, 1)
    assert "exit status 0" in output
