"""Sentences of the documents that were false once, kept true by what they are about."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import needs
import pytest
from command import one_line, runner_for
from printed import DOCUMENTS, ROOT

LIBRARY_ROW = "glibc 2.36 + vgetrandom"


def times_as_fast() -> dict[str, float]:
    """By size, in performance.md: how many times as fast as the system call the library is."""
    text = (ROOT / "docs" / "performance.md").read_text()
    table = text.split("### One draw, by size: times as fast as the system call")[1].split("###")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines() if line.startswith("|")]
    found = next(row for row in rows if row[0] == LIBRARY_ROW)
    return {size: float(times.rstrip("x")) for size, times in zip(rows[0][1:], found[1:])}


def test_a_draw_of_16_to_32_bytes_takes_a_half_to_a_quarter() -> None:
    """README once said ten and more times as fast, and its own table 2.4 to 6."""
    assert "16 to 32 bytes takes a half to a quarter of the time" in (ROOT / "docs" / "operators.md").read_text()
    times = times_as_fast()
    assert 1.9 <= times["32 B"] < times["16 B"] <= 4.5
    assert times["1 B"] > 10 and times["64 KiB"] > 10


@pytest.mark.parametrize("words", ["ten and more times", "no other way is quicker", "can't open the file says so"])
def test_what_was_false_is_not_said_again(words: str) -> None:
    assert not [path for path in DOCUMENTS if words in path.read_text()]


def test_glibc_says_that_it_can_not_preload_and_musl_is_silent(tmp_path: Path) -> None:
    """docs/operators.md: glibc's says `cannot be preloaded` on the service's standard error, musl's says nothing."""
    (tmp_path / "nothing.c").write_text("int main(void) { return 0; }\n")
    for compiler, said in (("gcc", True), ("musl-gcc", False)):
        if not shutil.which(compiler):
            continue
        subprocess.run([compiler, "-o", tmp_path / compiler, tmp_path / "nothing.c"], check=True)
        done = subprocess.run(
            [tmp_path / compiler], env={"LD_PRELOAD": "/no/such/library.so"}, capture_output=True, text=True
        )
        assert done.returncode == 0
        assert ("cannot be preloaded" in done.stderr) is (said and os.path.exists("/lib64/ld-linux-x86-64.so.2"))  # noqa: PTH110


def test_where_the_libc_uses_the_vdso_doctor_says_no_and_what_is_left(library: Path) -> None:
    """With Debian 13's libc in the place of this host's."""
    needs.require_root("to mount files over others in a namespace of its own")
    if os.uname().machine != "x86_64":
        needs.another_host("with an x86-64 processor")
    fetched = subprocess.run(
        [sys.executable, "-m", "vgetrandom.system.debian", "trixie", "amd64", "libc6"], capture_output=True, text=True
    )
    if fetched.returncode:
        needs.skip(f"Debian 13's libc can't be had: {fetched.stderr.strip()}", needs.MIRROR)
    vgetrandom = runner_for(library)
    if vgetrandom("doctor").returncode:
        needs.another_host("with vDSO getrandom, and a libc that does not use it")
    words = [sys.executable, ROOT / "tests" / "newer_libc.py", fetched.stdout.strip()]
    done = subprocess.run(
        [*words, sys.executable, "-m", "vgetrandom", "doctor"],
        env={**os.environ, "VGETRANDOM_LIBRARY": str(library)},
        capture_output=True,
        text=True,
    )
    if done.returncode == 3:
        needs.another_host("on which mounts of our own can be had")
    assert done.returncode == 1, done.stdout + done.stderr
    verdict = done.stdout.splitlines()[-1]
    assert verdict.startswith("no: getrandom of this libc draws from the vDSO by itself")
    assert re.search(r"getentropy and syscall\(SYS_getrandom\)", verdict) and "PHP" in verdict
    assert "uses the vDSO already" in done.stdout


def test_path_is_one_line_that_a_shell_can_use(library: Path) -> None:
    """`LD_PRELOAD=$(vgetrandom path) CMD`, as README says."""
    done = runner_for(library)("path")
    assert done.stdout == f"{library}\n" and not done.stderr
    assert one_line(runner_for(library)("path", "--bad"))
