"""Wheels: one for each architecture, for every glibc and musl, and for every Python since 3.9.

No file in one needs a libc of its own: the library, its reporter and the helper take the functions that they call from
the process that loads them, and the program that takes a library back makes system calls by itself.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# The backend that pyproject.toml names, asked as pip would (PEP 517); pip before 23.1 can't hand on a list of settings.
_BUILD = """
import json, sys
sys.path.insert(0, "pytools")
import backend
backend.build_wheel(sys.argv[1], json.loads(sys.argv[2]))
"""


@dataclass(frozen=True)
class Architecture:
    """One that the library is built for, as cross/NAME.ini has it, and how others name it.

    wheel  the first glibc and musl that the architecture has, in the words of PEP 600 and PEP 656
    """

    name: str
    wheel: str
    debian: str
    rpm: str
    alpine: str


def _first(name: str, glibc: str, musl: str) -> str:
    return f"manylinux_{glibc}_{name}.musllinux_{musl}_{name}"


ARCHITECTURES = (
    Architecture("x86_64", _first("x86_64", "2_17", "1_1"), "amd64", "x86_64", "x86_64"),
    Architecture("aarch64", _first("aarch64", "2_17", "1_1"), "arm64", "aarch64", "aarch64"),
    Architecture("riscv64", _first("riscv64", "2_27", "1_1"), "riscv64", "riscv64", "riscv64"),
    Architecture("powerpc64le", _first("ppc64le", "2_17", "1_1"), "ppc64el", "ppc64le", "ppc64le"),
    Architecture("s390x", _first("s390x", "2_17", "1_1"), "s390x", "s390x", "s390x"),
    Architecture("loongarch64", _first("loongarch64", "2_36", "1_2"), "loong64", "loongarch64", "loongarch64"),
)


def build_wheel(architecture: Architecture, output: Path) -> Path:
    """Build into the folder `output`: with this host's compiler for its architecture, with ziglang for the others."""
    with tempfile.TemporaryDirectory(prefix="vgetrandom-wheel-") as scratch:
        folder = Path(scratch)
        settings = ["-Dc_link_args=['-s', '-Wl,--build-id=sha1']"]
        if architecture.name != platform.machine().replace("ppc64le", "powerpc64le"):
            constants = folder / "constants.ini"
            constants.write_text(f"[constants]\nzig = [{sys.executable!r}, '-m', 'ziglang']\nlibc = 'gnu'\n")
            settings += [f"--cross-file={ROOT / 'cross' / architecture.name}.ini", f"--cross-file={constants}"]
        chosen = {"setup-args": settings, "build-dir": str(folder / "build")}
        _run("-c", _BUILD, str(folder), json.dumps(chosen))
        (built,) = folder.glob("*.whl")
        tags = ["--python-tag", "py3", "--abi-tag", "none", "--platform-tag", architecture.wheel]
        _run("-m", "wheel", "tags", *tags, str(built))
        (tagged,) = folder.glob(f"*-{architecture.wheel}.whl")
        output.mkdir(parents=True, exist_ok=True)
        return Path(shutil.move(tagged, output / tagged.name))


def _run(*words: str) -> None:
    """One step, by this interpreter. Ends the program when it fails, with what it said."""
    scripts = sysconfig.get_path("scripts")
    environment = {**os.environ, "PATH": os.pathsep.join([scripts, os.environ.get("PATH", os.defpath)])}
    environment.setdefault("SOURCE_DATE_EPOCH", _day_of_release())
    done = subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        sys.exit(f"{done.stdout}packaging: a step failed, as shown above")


def _day_of_release() -> str:
    """Seconds of the last commit: the same sources give the same bytes. Without git, the changelog's."""
    try:
        said = subprocess.run(["git", "-C", ROOT, "log", "-1", "--format=%ct"], capture_output=True, text=True).stdout
    except OSError:
        said = ""
    return said.strip() or str(int((ROOT / "CHANGELOG.md").stat().st_mtime))
