"""Wheels: one for each architecture, for every glibc and musl, and for every Python since 3.9.

No file in one needs a libc of its own: the library, its reporter and the helper take the functions that they call from
the process that loads them, and the program that takes a library back makes system calls by itself.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


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
        words = ["wheel", str(ROOT), "--quiet", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
        words += [f"-Csetup-args={setting}" for setting in settings]
        # The copy is small, and two builds at once don't meet in the work tree.
        _run("pip", *words, f"-Cbuild-dir={folder / 'build'}", "--wheel-dir", str(folder))
        (built,) = folder.glob("*.whl")
        tags = ["--python-tag", "py3", "--abi-tag", "none", "--platform-tag", architecture.wheel]
        name = _run("wheel", "tags", *tags, str(built)).strip().splitlines()[-1]
        output.mkdir(parents=True, exist_ok=True)
        return (folder / name).replace(output / name)


def _run(module: str, *words: str) -> str:
    """One step, by a module of this interpreter; its output. Ends the program when it fails."""
    scripts = sysconfig.get_path("scripts")
    environment = {**os.environ, "PATH": os.pathsep.join([scripts, os.environ.get("PATH", os.defpath)])}
    environment.setdefault("SOURCE_DATE_EPOCH", _day_of_release())
    done = subprocess.run(
        [sys.executable, "-m", module, *words],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    if done.returncode:
        sys.exit(f"packaging: `{module} {words[0]}` failed, as shown above")
    return done.stdout


def _day_of_release() -> str:
    """Seconds of the last commit: the same sources give the same bytes. Without git, the changelog's."""
    try:
        said = subprocess.run(["git", "-C", ROOT, "log", "-1", "--format=%ct"], capture_output=True, text=True).stdout
    except OSError:
        said = ""
    return said.strip() or str(int((ROOT / "CHANGELOG.md").stat().st_mtime))
