"""`scan --root DIR` looks up everything inside DIR: paths, names, links and libraries; nothing of this host."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from command import Vgetrandom, one_line

DRAW = "#include <sys/random.h>\nint main(void) { int n; return getrandom(&n, 4, 0) != 4; }\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A system with one program, a link to it by an absolute path, and one that leads to a program of this host."""
    root = tmp_path / "root"
    (root / "usr/bin").mkdir(parents=True)
    (root / "etc/alternatives").mkdir(parents=True)
    (tmp_path / "draw.c").write_text(DRAW)
    subprocess.run(["gcc", "-o", root / "usr/bin/drawing", tmp_path / "draw.c"], check=True)
    (root / "etc/alternatives/pick").symlink_to("/usr/bin/drawing")
    (root / "usr/bin/pick").symlink_to("/etc/alternatives/pick")
    (root / "usr/bin/outside").symlink_to("/bin/sh")
    return root


def scan(vgetrandom: Vgetrandom, *words: object, status: int = 0) -> dict[str, Any]:
    result = vgetrandom("scan", "--json", *words)
    assert result.returncode == status, result.stdout + result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def files_of(found: dict[str, Any]) -> set[str]:
    return {row["path"] for row in found["files"]}


def test_all_are_the_programs_of_the_root(vgetrandom: Vgetrandom, root: Path) -> None:
    assert files_of(scan(vgetrandom, "--root", root, "--all")) == {str(root / "usr/bin/drawing")}


def test_an_empty_root_has_no_programs(vgetrandom: Vgetrandom, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert files_of(scan(vgetrandom, "--root", tmp_path / "empty", "--all", status=1)) == set()


@pytest.mark.parametrize("name", ["drawing", "/usr/bin/drawing", "usr/bin/drawing", "pick", "/etc/alternatives/pick"])
def test_names_and_paths_are_those_of_the_root(vgetrandom: Vgetrandom, root: Path, name: str) -> None:
    assert files_of(scan(vgetrandom, "--root", root, name)) == {str(root / "usr/bin/drawing")}


def test_a_path_into_the_root_and_a_folder_of_it_will_do(vgetrandom: Vgetrandom, root: Path) -> None:
    for name in (root / "usr/bin/drawing", root / "usr", "/usr/bin"):
        assert str(root / "usr/bin/drawing") in files_of(scan(vgetrandom, "--root", root, name))


@pytest.mark.parametrize("name", ["sh", "/bin/sh", "outside"])
def test_a_program_of_this_host_is_not_found_there(vgetrandom: Vgetrandom, root: Path, name: str) -> None:
    assert shutil.which("sh") and os.access("/bin/sh", os.X_OK)
    found = scan(vgetrandom, "--root", root, name, status=2)
    assert files_of(found) == set()
    (trouble,) = found["problems"]
    assert str(root) in trouble["message"]


def test_libraries_are_those_of_the_root(vgetrandom: Vgetrandom, root: Path) -> None:
    (row,) = scan(vgetrandom, "--root", root, "drawing")["files"]
    assert "libc.so.6" in row["not_found"]


def test_a_package_is_not_looked_up_in_a_root(vgetrandom: Vgetrandom, root: Path) -> None:
    result = vgetrandom("scan", "--root", root, "--package", "bash")
    assert result.returncode == 2 and "--package" in one_line(result)
