"""Small C programs for other architectures: compiled for musl by ziglang, once a session."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from conftest import ROOT, one_at_a_time


def compile_for(arch: str, program: Path, *words: object) -> None:
    """Make `program` for ARCH-linux-musl; `words` are sources and the compiler's options, and may be paths."""
    command = [sys.executable, "-m", "ziglang", "cc", "-target", f"{arch}-linux-musl", "-std=gnu11"]
    command += ["-I", str(ROOT / "include"), *map(str, words), "-o", str(program)]
    with one_at_a_time(program):
        if not program.exists():
            done = subprocess.run(command, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
