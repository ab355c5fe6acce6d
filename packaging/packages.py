"""Debian's, RPM's and Alpine's packages, all from nfpm.yaml: a wheel, laid out as a system wants it.

The Python package lies in a folder of its own, /usr/lib/vgetrandom, with the pure modules that it needs: so a package
depends on python3 alone, whatever a distribution calls the others and whichever versions of them it has.
"""

from __future__ import annotations

import gzip
import importlib.metadata
import os
import shutil
import string
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from wheels import ROOT, Architecture

HERE = Path(__file__).resolve().parent
_HOME = Path("usr/lib/vgetrandom")
_BUNDLED = ("pyelftools", "rich", "tomli", "typing_extensions")
_LIBRARIES = ("libvgetrandom.so", "libvgetrandom-report.so", "libvgetrandom.a")
_COMMAND = """#!/usr/bin/python3
import sys

sys.path.insert(0, "/usr/lib/vgetrandom")
from vgetrandom.cli import main

sys.exit(main())
"""
_PKG_CONFIG = """prefix=/usr
includedir=${{prefix}}/include
libdir=${{prefix}}/{libraries}

Name: vgetrandom
Description: Random bytes from the kernel's vDSO getrandom, without a system call
Version: {release}
Libs: -L${{libdir}} -lvgetrandom
Cflags: -I${{includedir}}
"""


@dataclass(frozen=True)
class Format:
    """One kind of package: nfpm's name of it, and where its systems have libraries, below /usr."""

    name: str

    def libraries(self, architecture: Architecture) -> str:
        if self.name == "deb":
            return f"lib/{architecture.name}-linux-gnu"
        return "lib64" if self.name == "rpm" else "lib"

    def architecture(self, architecture: Architecture) -> str:
        return {"deb": architecture.debian, "rpm": architecture.rpm, "apk": architecture.alpine}[self.name]


FORMATS = (Format("deb"), Format("rpm"), Format("apk"))


def build_package(kind: Format, architecture: Architecture, wheel: Path, output: Path) -> Path:
    """Make one package of a wheel; returns its file."""
    release = wheel.name.split("-")[1]
    with tempfile.TemporaryDirectory(prefix="vgetrandom-package-") as scratch:
        folder = Path(scratch)
        _lay_out(folder / "root", kind, architecture, wheel, release)
        text = string.Template((HERE / "nfpm.yaml").read_text()).substitute(
            architecture=kind.architecture(architecture), release=release, root=folder / "root", here=HERE
        )
        (folder / "nfpm.yaml").write_text(text)
        output.mkdir(parents=True, exist_ok=True)
        (folder / "made").mkdir()
        nfpm = Path(sysconfig.get_path("scripts")) / "nfpm"
        words = [
            nfpm,
            "package",
            "--config",
            folder / "nfpm.yaml",
            "--packager",
            kind.name,
            "--target",
            folder / "made",
        ]
        done = subprocess.run(list(map(str, words)), capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"packaging: nfpm failed: {(done.stderr or done.stdout).strip()}")
        (made,) = (folder / "made").iterdir()
        return Path(shutil.move(made, output / made.name))


def _lay_out(root: Path, kind: Format, architecture: Architecture, wheel: Path, release: str) -> None:
    """All files of the package below `root`."""
    home, usr = root / _HOME, root / "usr"
    with zipfile.ZipFile(wheel) as archive:
        for entry in archive.infolist():
            target = Path(archive.extract(entry, home))
            if target.is_file():
                target.chmod(entry.external_attr >> 16 & 0o777 or 0o644)
    for data in home.glob("*.data/data"):
        shutil.copytree(data, usr, dirs_exist_ok=True)
        shutil.rmtree(data.parent)
    for name in _BUNDLED:
        _bundle(name, home)
    libraries = usr / kind.libraries(architecture)
    (libraries / "pkgconfig").mkdir(parents=True)
    for name in _LIBRARIES:
        inside = home / "vgetrandom" / name
        inside.replace(libraries / name)
        inside.symlink_to(os.path.relpath(libraries / name, inside.parent))
    text = _PKG_CONFIG.format(libraries=kind.libraries(architecture), release=release)
    (libraries / "pkgconfig" / "vgetrandom.pc").write_text(text)
    (usr / "include").mkdir()
    shutil.copy(ROOT / "include" / "vgetrandom.h", usr / "include")
    (usr / "bin").mkdir()
    (usr / "bin" / "vgetrandom").write_text(_COMMAND)
    (usr / "bin" / "vgetrandom").chmod(0o755)
    (usr / "share/doc/vgetrandom").mkdir(parents=True)
    for name in ("README.md", "CHANGELOG.md", "LICENSE"):
        shutil.copy(ROOT / name, usr / "share/doc/vgetrandom")
    shutil.copy(ROOT / "LICENSE", usr / "share/doc/vgetrandom/copyright")
    _compress_manual(usr / "share/man")


def _compress_manual(folder: Path) -> None:
    for page in [*folder.rglob("*.[137]")]:
        page.with_name(f"{page.name}.gz").write_bytes(gzip.compress(page.read_bytes(), mtime=0))
        page.unlink()


def _bundle(name: str, home: Path) -> None:
    """Copy an installed distribution with its licence; compiled modules stay out, which are for one Python."""
    try:
        distribution = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        sys.exit(f"packaging: {name} is missing here; run: {sys.executable} -m pip install '.[package]'")
    for file in distribution.files or ():
        if ".." in file.parts or "__pycache__" in file.parts or file.suffix == ".so":
            continue
        target = home / file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(Path(str(distribution.locate_file(file))), target)
