"""Nothing measures itself: where `check` runs a command without the library, no copy of it is there."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import needs
import pytest
from command import Vgetrandom, command_line, environment_with
from drawing import draws

DRAW = draws(500)
IN_A_NAMESPACE = (
    'cp -a /etc "$0/etc" && echo "$1" >"$0/etc/ld.so.preload" && mount --bind "$0/etc" /etc && shift && exec "$@"'
)


@pytest.fixture
def copy(library: Path, tmp_path: Path) -> Path:
    """The library under a name that says nothing."""
    path = tmp_path / "random-helper.so"
    shutil.copyfile(library, path)
    return path


@pytest.mark.parametrize("by_name", [False, True])
def test_copy_in_ld_preload_is_not_in_the_runs_without(vgetrandom: Vgetrandom, copy: Path, by_name: bool) -> None:
    """As a path, and as a name that the loader looks up."""
    code = f"{DRAW}; exit('{copy.name}' in open('/proc/self/maps').read())"
    named = copy.name if by_name else str(copy)
    result = vgetrandom(
        "check",
        "--json",
        "--reached",
        "--",
        sys.executable,
        "-c",
        code,
        LD_PRELOAD=named,
        LD_LIBRARY_PATH=str(copy.parent),
    )
    found = json.loads(result.stdout)
    assert result.returncode == 0, found
    assert found["without"]["exit_status"] == found["with"]["exit_status"] == 0


def test_other_libraries_in_ld_preload_stay(vgetrandom: Vgetrandom, copy: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.so"
    (tmp_path / "other.c").write_text("int other;\n")
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", other, tmp_path / "other.c"], check=True)
    code = f"{DRAW}; exit('{other}' not in open('/proc/self/maps').read())"
    result = vgetrandom("check", "--json", "--reached", "--", sys.executable, "-c", code, LD_PRELOAD=f"{copy}:{other}")
    assert json.loads(result.stdout)["without"]["exit_status"] == 0


@needs.program("unshare")
@needs.root("to change /etc")
def test_copy_in_every_process_is_an_error_that_names_it(library: Path, copy: Path, tmp_path: Path) -> None:
    """A copy of /etc in a mount namespace of our own; the host's stays as it is."""

    def check(*options: str) -> subprocess.CompletedProcess[str]:
        folder = tmp_path / f"namespace{len(options)}"
        folder.mkdir()
        words = command_line("check", *options, "--", sys.executable, "-c", DRAW)
        return subprocess.run(
            ["unshare", "-m", "sh", "-c", IN_A_NAMESPACE, folder, copy, *words],
            env=environment_with(library),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )

    result = check()
    if "unshare:" in result.stderr or "mount:" in result.stderr:
        needs.another_host("on which mounts of our own can be had")
    assert (result.returncode, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"vgetrandom: {copy}, a copy of the library, is in every new process by /etc/ld.so.preload")
    assert "--once" in line
    assert check("--once").returncode == 0
