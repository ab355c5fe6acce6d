"""What becomes of a guest that hangs, panics, says nothing or is interrupted. The emulators only print and wait."""

from __future__ import annotations

import json
import signal
import subprocess
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import needs
import pytest
from command import command_line, environment_with, runner_for
from schemas import require_form
from vgetrandom.errors import VgetrandomError
from vgetrandom.system import debian

CASE = "interface_errno"
REPORT = '{"vgetrandom":2,"status":"no-vdso","memory":"none","pid":7,"calls":0,"bytes":0,"slots":0,"copies":1}'
PROBED = f"vg: begin 9.9 x\nvg: run probe\nvg> page_size=4096\nvg> draws=1000\nvg> {REPORT}\nvg: end probe 0 3\n"
WAYS = ("direct", "fork", "exec", "spawn", "shell")
IDENTITY = "vg: run identity\n" + "".join(
    f"vg> way {way}\nvg> address getrandom 1500\nvg> address libc 5500\n"
    "vg> 1000-2000 r-xp 00000000 00:01 7 /vgetrandom/libvgetrandom.so\n"
    "vg> 5000-6000 r-xp 00000000 00:01 8 /lib/ld-musl-x86_64.so.1\nvg> end\n"
    for way in WAYS
)
DRAWN = f"{PROBED}{IDENTITY}vg: end identity 0 5\n"
SERVED = DRAWN.replace('"calls":0', '"calls":7')
PASSED = f"vg: run {CASE}\nvg> TAP version 14\nvg> ok 1 - a\nvg> 1..1\nvg: end {CASE} 0 10\n"


@dataclass(frozen=True)
class Host:
    """A host whose emulator prints a text and then does as a shell script says."""

    library: Path
    folder: Path

    def emulator(self, text: str, then: str) -> list[str]:
        """The words of a command that boots one cell under it."""
        emulator = self.folder / "qemu-system-x86_64"
        (self.folder / "said").write_text(text)
        version = '[ "$1" = --version ] && { echo "QEMU emulator version 9.9.9"; exit; }'
        emulator.write_text(f"#!/bin/sh\n{version}\ncat {self.folder}/said\n{then}\n")
        emulator.chmod(0o755)
        kernel = self.folder / "kernel"
        kernel.touch()
        words = ["matrix", "--arch", "x86_64", "--kernel", str(kernel), "--only", "*/musl", "-k", CASE]
        return [*words, "--qemu", str(self.folder), "--consoles", str(self.folder / "consoles")]

    def run(self, text: str, then: str, *words: str) -> tuple[int, dict[str, Any]]:
        """Run to the end; exit status, and the one cell."""
        done = runner_for(self.library)(*self.emulator(text, then), "--json", *words)
        assert done.stdout, done.stderr
        document = json.loads(done.stdout)
        require_form("matrix", document)
        (cell,) = document["cells"]
        return done.returncode, cell


@pytest.fixture
def host(library: Path, tmp_path: Path) -> Host:
    needs.require_python("ziglang")
    try:
        debian.fetch("sid", "amd64", ["busybox-static"])
        debian.fetch("trixie", "amd64", ["musl"])
    except VgetrandomError as error:
        needs.skip(str(error), needs.MIRROR)
    return Host(library, tmp_path)


def test_a_guest_that_comes_to_its_end_passes(host: Host) -> None:
    junit = host.folder / "junit.xml"
    status, cell = host.run(f"{DRAWN}{PASSED}vg: done\n", "exec sleep 300", "--junit", str(junit))
    assert (status, cell["outcome"], cell["kernel"], cell["qemu"]) == (0, "pass", "9.9", "9.9.9")
    assert [(result["case"], result["outcome"]) for result in cell["results"]] == [("guest", "pass"), (CASE, "pass")]
    assert [case.get("name") for case in ElementTree.parse(junit).iter("testcase")] == ["guest", CASE]


def test_an_unpacked_emulator_takes_its_modules_from_beside_it(host: Host) -> None:
    modules = host.folder / "lib" / "x86_64-linux-gnu" / "qemu"
    modules.mkdir(parents=True)
    unpacked = Host(host.library, host.folder / "bin")
    unpacked.folder.mkdir()
    _, cell = unpacked.run("", 'echo "$QEMU_MODULE_DIR"; exit 1')
    assert Path(cell["console"]).read_text() == f"{modules}\n"


@pytest.mark.parametrize(
    ("text", "then", "words", "reason"),
    [
        (DRAWN, "exec sleep 300", ["--limit", "0.05"], "not done after 3 s"),
        (f"{DRAWN}[ 1.2] Kernel panic - not syncing: no init\n", "exit 0", [], "Kernel panic - not syncing: no init"),
        ("qemu-system-x86_64: no such machine\n", "exit 1", [], "qemu-system-x86_64: no such machine"),
        ("", "kill -SEGV $$", [], "the guest did not start"),
        ("vg: begin 9.9 x\n", "exit 0", [], "the guest ended before its first draw"),
        (f"{SERVED}{PASSED}vg: done\n", "exit 0", [], "7 of 1000 draws from the vDSO"),
        (f"{DRAWN.replace(' 1500', ' 5500')}{PASSED}vg: done\n", "exit 0", [], "getrandom is that of /lib/ld-musl"),
        (f"{DRAWN.replace('way spawn', 'way none')}{PASSED}vg: done\n", "exit 0", [], "no process started by spawn"),
    ],
    ids=[
        *(
            "hangs",
            "panics",
            "unknown machine",
            "emulator crashes",
            "ends at once",
            "draws from a vDSO that is not there",
        ),
        *("without the library", "not in every way"),
    ],
)
def test_a_guest_that_does_not_is_a_failure_with_its_reason_and_its_console(
    host: Host, text: str, then: str, words: list[str], reason: str
) -> None:
    status, cell = host.run(text, then, *words)
    assert (status, cell["outcome"]) == (1, "fail")
    assert reason in cell["reason"]
    assert Path(cell["console"]).read_text() == text


def test_a_failed_cell_is_told_in_lines_that_name_case_and_console(host: Host) -> None:
    done = runner_for(host.library)(*host.emulator(f"{DRAWN}{PASSED.replace('ok 1', 'not ok 1')}vg: done\n", "exit 0"))
    assert done.returncode == 1
    assert f"x86_64/kernel/musl: {CASE}: fail: a" in done.stdout
    assert f"x86_64/kernel/musl: console: {host.folder}/consoles/" in done.stdout
    assert "\x1b" not in done.stdout + done.stderr


def processes_of(folder: Path) -> Iterator[str]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if f"{folder}/qemu-system" in line:
            yield line


@pytest.mark.parametrize(
    ("number", "status", "word"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_a_signal_ends_the_guest_and_is_one_line(host: Host, number: int, status: int, word: str) -> None:
    command = command_line(*host.emulator(DRAWN, "while :; do sleep 0.2; done"))
    process = subprocess.Popen(
        command,
        env=environment_with(host.library),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    deadline = time.monotonic() + 240
    while not any(line.count("-kernel") for line in processes_of(host.folder)) and time.monotonic() < deadline:
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(number)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output, errors) == (status, "", f"vgetrandom: {word}\n")
    assert not list(processes_of(host.folder))
