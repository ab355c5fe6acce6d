"""glibc with core/ in it: built as the verb builds it, and asked by a part of the suite."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from command import Vgetrandom, command_line, environment_with, runner_for

CASES = "interface,confined,life,thread_states,fork_fork,memory_flags"
RELEASE = "2.41"  # glibc's own allocator is taken out of it
TOOLS = ("bison", "gawk", "make", "gcc", "apt-get")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not all(map(shutil.which, TOOLS)), reason=f"not all of {', '.join(TOOLS)} are installed"),
]


@pytest.fixture
def vgetrandom(library: Path) -> Vgetrandom:
    return runner_for(library)


@pytest.mark.parametrize("allocator", ["slots", "freelist"])
def test_glibc_with_an_allocator_keeps_its_promises(library: Path, tmp_path: Path, allocator: str) -> None:
    output, patch = tmp_path / "libc", tmp_path / "patch"
    words = ["glibc", "--release", RELEASE, "--allocator", allocator, "--patch", patch, "-o", output]
    built = subprocess.run(
        command_line("prototype", *words), env=environment_with(library), capture_output=True, text=True
    )
    assert built.returncode == 0, built.stderr
    assert f"glibc {RELEASE}, {allocator}" in built.stdout
    done = subprocess.run(
        command_line("conform", f"libc:{allocator}={output}", "-k", CASES, "--json"),
        env=environment_with(library),
        capture_output=True,
        text=True,
    )
    document = json.loads(done.stdout)
    bad = {r["case"]: f"{r['outcome']}: {r['reason']}" for r in document["results"] if r["outcome"] != "pass"}
    # A list's first draw blocks signals and maps memory, in each thread: a sandbox set up before may not allow it.
    known = {name for name in bad if allocator == "freelist" and name.startswith("confined_")}
    assert not (set(bad) - known), bad
    assert document["outcomes"]["pass"] > 25
