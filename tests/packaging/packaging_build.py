"""packaging/build.py, and what packaging/wheels.py knows of architectures."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

from conftest import ROOT, one_at_a_time

sys.path.insert(0, str(ROOT / "packaging"))

from wheels import ARCHITECTURES

HERE = next(one for one in ARCHITECTURES if one.name == platform.machine().replace("ppc64le", "powerpc64le"))


def build(output: Path, *words: str) -> list[Path]:
    """Run it; the files that it made, as it prints them."""
    command = [sys.executable, ROOT / "packaging" / "build.py", "-o", output, *words]
    done = subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return [Path(line) for line in done.stdout.splitlines()]


def made_once(shared_folder: Path) -> Path:
    """A folder with this host's wheel and packages, the same for all worker processes."""
    folder = shared_folder / "made"
    with one_at_a_time(folder):
        if not (folder / "done").exists():
            build(folder, "--arch", HERE.name)
            (folder / "done").touch()
    return folder
