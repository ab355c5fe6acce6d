"""`pip install --editable .`: the library is built again from the work tree that was installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import needs
import pytest
from command import path_with_scripts
from installing import commands_of_environment, copy_of_tree

# Python 3.9 does not ask the loader of an editable install where its files are.
pytestmark = needs.host(sys.version_info >= (3, 10), "with Python 3.10 or newer")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the work tree: an editable install builds in a folder of its own there."""
    return copy_of_tree(tmp_path_factory.mktemp("tree"))


@pytest.fixture(scope="module")
def scripts(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the commands are of an environment that has `tree` as an editable install, and else what we have here."""
    return commands_of_environment(tmp_path_factory.mktemp("environment"), "--no-build-isolation", "--editable", tree)


def run(*words: object, cwd: Path) -> str:
    others = {name: value for name, value in os.environ.items() if name not in ("VGETRANDOM_LIBRARY", "PYTHONPATH")}
    others["PATH"] = path_with_scripts()
    done = subprocess.run(list(map(str, words)), cwd=cwd, env=others, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def test_the_package_that_runs_is_the_work_trees(tree: Path, scripts: Path, tmp_path: Path) -> None:
    code = "import vgetrandom.errors; print(vgetrandom.errors.__file__)"
    assert run(scripts / "python", "-c", code, cwd=tmp_path) == str(tree / "pytools" / "vgetrandom" / "errors.py")
    assert Path(run(scripts / "vgetrandom", "path", cwd=tmp_path)).is_relative_to(tree / "build")


def test_build_compiles_the_sources_of_the_work_tree(tree: Path, scripts: Path, tmp_path: Path) -> None:
    name = b"changed in the work tree"
    source = tree / "shim" / "preload" / "environment.c"
    source.write_text(source.read_text() + f'\n__attribute__((used)) static const char mark[] = "{name.decode()}";\n')
    built = Path(run(scripts / "vgetrandom", "build", cwd=tmp_path))
    assert built == tmp_path / "libvgetrandom.so"
    assert name in built.read_bytes()
    assert run(scripts / "vgetrandom", "run", "--", "echo", "served", cwd=tmp_path) == "served"
