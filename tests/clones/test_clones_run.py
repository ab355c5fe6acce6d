"""Clones of a real guest under QEMU: the library does not repeat, and a library that keeps bytes does."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import needs
import pytest
from command import command_line, environment_with, one_line
from conform.test_mutations import MUTATIONS, build_mutant, read
from schemas import require_form
from vgetrandom.errors import VgetrandomError
from vgetrandom.system import debian

IDS = """
#include <stdio.h>
#include <sys/random.h>

int main(void)
{
	unsigned long id[2];

	while (getrandom(id, sizeof(id), 0) == sizeof(id)) {
		printf("%016lx%016lx\\n", id[0], id[1]);
		fflush(stdout);
	}
}
"""
CELL = ("--cell", "6.12/1", "--control", "same", "--contender", "vgetrandom", "--draws", "1000", "--json")


@pytest.fixture(scope="module", autouse=True)
def _possible() -> None:
    needs.require("qemu-system-x86_64")
    needs.require_python("ziglang")
    try:
        debian.fetch("bookworm", "amd64", ["libc6"])
        debian.fetch("trixie", "amd64", ["libc6"])
    except VgetrandomError as error:
        needs.skip(str(error), needs.MIRROR)


def clones(library: Path, folder: Path, *words: str) -> tuple[int, dict[str, Any]]:
    """Run to the end; exit status, and what it reports."""
    command = command_line("clones", *CELL, "--consoles", str(folder), *words)
    done = subprocess.run(command, env=environment_with(library), capture_output=True, text=True, timeout=1800)
    assert done.stdout, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    require_form("clones", report)
    return done.returncode, report


def contenders(report: dict[str, Any], generation: str) -> dict[str, dict[str, Any]]:
    (cell,) = report["cells"]
    (trial,) = (trial for trial in cell["trials"] if trial["generation"] == generation)
    return {one["contender"]: one for one in trial["contenders"]}


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """An image with a libc and a program that prints an id a line."""
    needs.require("mke2fs")
    root = tmp_path / "root"
    for folder in ("dev", "proc", "tmp", "bin"):
        (root / folder).mkdir(parents=True)
    libc = debian.libc_directory("bookworm", "amd64")
    for name, place in (("libc.so.6", "lib/x86_64-linux-gnu"), ("ld-linux-x86-64.so.2", "lib64")):
        (root / place).mkdir(parents=True)
        shutil.copy(libc / name, root / place)
    source = tmp_path / "ids.c"
    source.write_text(IDS)
    zig = [sys.executable, "-m", "ziglang", "cc", "-target", "x86_64-linux-gnu.2.28", "-O1"]
    subprocess.run([*zig, str(source), "-o", str(root / "bin" / "ids")], check=True, timeout=600)
    image = tmp_path / "disk"
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    command = ["mke2fs", "-q", "-t", "ext4", "-d", str(root), str(image), "16M"]
    subprocess.run(command, check=True, env={**os.environ, "PATH": path})
    return image


def test_the_library_and_a_program_on_a_disk_repeat_nothing_and_a_buffer_and_clones_with_one_generation_do(
    library: Path, tmp_path: Path, disk: Path
) -> None:
    page = tmp_path / "page.html"
    words = ("--lines", "100", "--html", str(page), "--contender", "vgetrandom", "--disk", str(disk), "--", "/bin/ids")
    status, report = clones(library, tmp_path, *words)
    assert (status, report["verdict"], report["invalid"], report["repeats"]) == (0, "yes", [], [])
    own, same = contenders(report, "own"), contenders(report, "same")
    assert set(own) == {"vgetrandom", "buffered", "program", "program-vgetrandom"}
    assert [own[name]["begun_late"] for name in ("vgetrandom", "program", "program-vgetrandom")] == [0, 0, 0]
    assert own["buffered"]["begun_late"] > 0
    assert all(one["repeated"] >= one["draws"] >= 100 for one in same.values())
    assert all(same[name]["draws"] >= 1000 for name in ("vgetrandom", "buffered"))
    assert "ids + vgetrandom" in page.read_text()


def test_a_library_that_keeps_bytes_for_the_next_call_is_seen_to_repeat(shared_folder: Path, tmp_path: Path) -> None:
    mutant = build_mutant(read(MUTATIONS / "buffered.patch"), shared_folder, tmp_path)
    status, report = clones(mutant, tmp_path)
    assert (status, report["verdict"], report["invalid"]) == (1, "no", [])
    assert 0 < contenders(report, "own")["vgetrandom"]["begun_late"] < 2048


def guests(folder: Path) -> list[Path]:
    """Processes that were started for an emulator in a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if f"{folder}/qemu-system".encode() in path.read_bytes() and b"-kernel" in path.read_bytes():
                found.append(path)
        except OSError:
            continue
    return found


@pytest.mark.parametrize(
    ("number", "status", "word"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_a_signal_ends_the_machine_and_is_one_line(
    library: Path, tmp_path: Path, number: int, status: int, word: str
) -> None:
    emulator = tmp_path / "qemu-system-x86_64"
    emulator.write_text("#!/bin/sh\nwhile :; do sleep 0.2; done\n")
    emulator.chmod(0o755)
    process = subprocess.Popen(
        command_line("clones", *CELL, "--consoles", str(tmp_path), "--qemu", str(tmp_path)),
        env=environment_with(library),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    deadline = time.monotonic() + 600
    while not guests(tmp_path) and time.monotonic() < deadline:
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(number)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output, errors) == (status, "", f"vgetrandom: {word}\n")
    assert not guests(tmp_path)


def test_an_emulator_that_ends_is_one_line_with_its_reason(library: Path, tmp_path: Path) -> None:
    emulator = tmp_path / "qemu-system-x86_64"
    emulator.write_text("#!/bin/sh\necho qemu-system-x86_64: no such machine\nexit 1\n")
    emulator.chmod(0o755)
    command = command_line("clones", *CELL, "--consoles", str(tmp_path), "--qemu", str(tmp_path))
    done = subprocess.run(command, env=environment_with(library), capture_output=True, text=True, timeout=600)
    said = "QEMU ended: qemu-system-x86_64: no such machine"
    assert (done.returncode, one_line(done)) == (2, f"vgetrandom: {said}")
    require_form("error", json.loads(done.stdout))
    assert json.loads(done.stdout)["error"] == said
