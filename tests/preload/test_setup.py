"""`./setup`: what is missing is said at once, in one line; the second time is quick, and needs no network."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT
from installing import copy_of_tree


def setup(
    folder: Path, *words: str, before: tuple[str, ...] = (), **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the script as a user does, with this interpreter."""
    variables = {**os.environ, "PYTHON": sys.executable, **environment}
    command = [*before, str(folder / "setup"), *words]
    return subprocess.run(command, env=variables, stdin=subprocess.DEVNULL, capture_output=True, text=True)


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    """The one line that a refused setup has for its user."""
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("setup: ")
    return line


@pytest.mark.parametrize("name", ["with space", "with:colon", "with$dollar", "with%percent"])
def test_path_that_can_not_be_preloaded_from_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    shutil.copy2(ROOT / "setup", tmp_path / name)
    assert "move the folder" in refusal(setup(tmp_path / name))
    assert [path.name for path in (tmp_path / name).iterdir()] == ["setup"]


def test_compiler_without_headers_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    compiler = tmp_path / "gcc-without-libc"
    compiler.write_text("#!/bin/sh\necho 'fatal error: sys/mman.h: No such file or directory' >&2\nexit 1\n")
    compiler.chmod(0o755)
    shutil.copy2(ROOT / "setup", tmp_path)
    assert "libc6-dev" in refusal(setup(tmp_path, CC=str(compiler)))
    assert not (tmp_path / ".venv").exists()


def test_missing_compiler_and_python_and_wrong_words_are_one_line(tmp_path: Path) -> None:
    shutil.copy2(ROOT / "setup", tmp_path)
    assert "no C compiler" in refusal(setup(tmp_path, CC="no-such-compiler"))
    assert "no-such-python is missing" in refusal(setup(tmp_path, PYTHON="no-such-python"))
    assert "usage" in refusal(setup(tmp_path, "--tests"))


@pytest.mark.slow
def test_second_time_is_quick_and_needs_no_network(tmp_path: Path) -> None:
    tree = copy_of_tree(tmp_path / "clone")
    first = setup(tree)
    assert first.returncode == 0, first.stderr
    assert "setup: building and installing vgetrandom" in first.stdout.splitlines()
    offline = ("unshare", "-n") if os.geteuid() == 0 else ()
    again = setup(tree, before=offline)
    assert again.stdout.splitlines()[0] == "setup: .venv has this already"
    with (tree / "pytools/vgetrandom/errors.py").open("a") as stream:
        stream.write("\nNEW = 1\n")
    changed = setup(tree, before=offline)
    assert changed.returncode == 0, changed.stdout + changed.stderr
    assert changed.stdout.splitlines()[0] == "setup: building and installing vgetrandom"
    code = "from vgetrandom.errors import NEW"
    assert subprocess.run([tree / ".venv/bin/python", "-c", code], cwd=tmp_path).returncode == 0
    assert setup(tree, before=offline).stdout.splitlines()[0] == "setup: .venv has this already"
