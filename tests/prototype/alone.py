"""An allocator, compiled with core and with nothing of a libc."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from conftest import ROOT
from vgetrandom.prototype.allocator import Allocator

OPTIONS = ("-std=gnu11", "-O2", "-ffreestanding", "-Wall", "-Wextra", "-Werror", "-fsyntax-only")


def what_a_compiler_says(compiler: str, allocator: Allocator, folder: Path) -> tuple[int, str]:
    """Its exit status and its messages. `folder` is made, and has the sources."""
    shutil.copytree(ROOT / "shim" / "core", folder)
    for name, path in allocator.files.items():
        shutil.copy(path, folder / name)
    shutil.copy(ROOT / "tests" / "native" / "alone" / "platform.h", folder)
    done = subprocess.run([compiler, *OPTIONS, *folder.glob("*.c")], capture_output=True, text=True)
    return done.returncode, done.stderr
