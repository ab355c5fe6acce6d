"""Clones of a real guest under QEMU: the library does not repeat, and a library that keeps bytes does."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from command import command_line, environment_with
from conform.test_mutations import MUTATIONS, build_mutant, read
from vgetrandom.errors import VgetrandomError
from vgetrandom.system import debian

CELL = ("--cell", "6.12/1", "--control", "same", "--contender", "vgetrandom", "--draws", "1000", "--json")


@pytest.fixture(scope="module", autouse=True)
def _possible() -> None:
    if shutil.which("qemu-system-x86_64") is None:
        pytest.skip("qemu-system-x86_64 is not installed (Debian: qemu-system-x86)")
    if importlib.util.find_spec("ziglang") is None:
        pytest.skip("ziglang is not installed")
    try:
        debian.fetch("bookworm", "amd64", ["libc6"])
        debian.fetch("trixie", "amd64", ["libc6"])
    except VgetrandomError as error:
        pytest.skip(str(error))


def clones(library: Path, folder: Path, *words: str) -> tuple[int, dict[str, Any]]:
    """Run to the end; exit status, and what it reports."""
    command = command_line("clones", *CELL, "--consoles", str(folder), *words)
    done = subprocess.run(command, env=environment_with(library), capture_output=True, text=True, timeout=1800)
    assert done.stdout, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, report


def contenders(report: dict[str, Any], generation: str) -> dict[str, dict[str, Any]]:
    (cell,) = report["cells"]
    (trial,) = (trial for trial in cell["trials"] if trial["generation"] == generation)
    return {one["contender"]: one for one in trial["contenders"]}


def test_the_library_repeats_nothing_and_a_buffer_and_clones_with_one_generation_do(
    library: Path, tmp_path: Path
) -> None:
    status, report = clones(library, tmp_path)
    assert (status, report["verdict"], report["invalid"], report["repeats"]) == (0, "yes", [], [])
    own, same = contenders(report, "own"), contenders(report, "same")
    assert own["vgetrandom"]["begun_late"] == 0
    assert own["buffered"]["begun_late"] > 0
    assert all(one["repeated"] >= one["draws"] >= 1000 for one in same.values())


def test_a_library_that_keeps_bytes_for_the_next_call_is_seen_to_repeat(shared_folder: Path, tmp_path: Path) -> None:
    mutant = build_mutant(read(MUTATIONS / "buffered.patch"), shared_folder, tmp_path)
    status, report = clones(mutant, tmp_path)
    assert (status, report["verdict"], report["invalid"]) == (1, "no", [])
    assert 0 < contenders(report, "own")["vgetrandom"]["begun_late"] < 100
