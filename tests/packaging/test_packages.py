"""Debian's, RPM's and Alpine's package of this host: the same files, and nothing left when they are removed."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import needs
import pytest
from conftest import ROOT
from elf_needs import needs_of
from packaging_build import HERE, made_once

pytestmark = needs.python("mesonpy", "wheel", "shtab")
EVERYWHERE = {
    "bin/vgetrandom",
    "include/vgetrandom.h",
    "lib/vgetrandom/vgetrandom/cli/__init__.py",
    "lib/vgetrandom/rich/console.py",
    "lib/vgetrandom/elftools/elf/elffile.py",
    "share/man/man1/vgetrandom.1.gz",
    "share/man/man3/vgetrandom.3.gz",
    "share/man/man7/libvgetrandom.7.gz",
    "share/bash-completion/completions/vgetrandom",
    "share/doc/vgetrandom/copyright",
}
LIBRARIES = {"libvgetrandom.so", "libvgetrandom-report.so", "libvgetrandom.a", "pkgconfig/vgetrandom.pc"}


@pytest.fixture(scope="session")
def made(shared_folder: Path) -> Path:
    return made_once(shared_folder)


def release() -> str:
    found = re.search(r"version: '([^']+)'", (ROOT / "meson.build").read_text())
    assert found
    return found[1]


def unpack_alpine(made: Path, folder: Path) -> None:
    """Its archives follow one another (apk-v2(5)); tar(1) wants to be told. Python 3.9's tarfile loses its way."""
    package = made / f"vgetrandom_{release()}-r1_{HERE.alpine}.apk"
    words = ["tar", "--ignore-zeros", "--warning=no-unknown-keyword", "-xzf", package, "-C", folder]
    subprocess.run(words, check=True)


def require_whole(usr: Path, libraries: str) -> None:
    """The files below /usr of an unpacked package."""
    wanted = EVERYWHERE | {f"{libraries}/{name}" for name in LIBRARIES}
    assert {name for name in wanted if not (usr / name).is_file()} == set()
    inside = usr / "lib/vgetrandom/vgetrandom/libvgetrandom.so"
    assert inside.is_symlink()
    assert inside.resolve() == (usr / libraries / "libvgetrandom.so").resolve()
    assert len(needs_of(inside.read_bytes()).build_id) == 40
    assert not [path for path in usr.rglob("*.so") if "python" in path.name.lower()]
    text = (usr / libraries / "pkgconfig/vgetrandom.pc").read_text()
    assert f"Version: {release()}" in text.splitlines()
    assert f"libdir=${{prefix}}/{libraries}" in text.splitlines()


def test_debian_package_is_whole(made: Path, tmp_path: Path) -> None:
    needs.require("dpkg-deb")
    package = made / f"vgetrandom_{release()}-1_{HERE.debian}.deb"
    said = subprocess.run(["dpkg-deb", "-f", package], capture_output=True, text=True, check=True).stdout.splitlines()
    assert {f"Version: {release()}-1", f"Architecture: {HERE.debian}", "Depends: python3"} <= set(said)
    subprocess.run(["dpkg-deb", "-x", package, tmp_path], check=True)
    require_whole(tmp_path / "usr", f"lib/{HERE.name}-linux-gnu")


def test_rpm_package_is_whole(made: Path, tmp_path: Path) -> None:
    needs.require("rpm2cpio", "cpio")
    package = made / f"vgetrandom-{release()}-1.{HERE.rpm}.rpm"
    said = subprocess.run(
        ["rpm", "-qp", "--qf", "%{VERSION} %{ARCH} %{LICENSE}", package], capture_output=True, text=True
    )
    assert said.stdout == f"{release()} {HERE.rpm} MIT"
    # Some nfpm write names from the root on, and no padding at the end, for which rpm2cpio exits with 1.
    content = subprocess.run(["rpm2cpio", package], capture_output=True).stdout
    subprocess.run(["cpio", "-idm", "--quiet", "--no-absolute-filenames"], input=content, cwd=tmp_path, check=True)
    require_whole(tmp_path / "usr", "lib64")


def test_alpine_package_is_whole(made: Path, tmp_path: Path) -> None:
    unpack_alpine(made, tmp_path)
    said = (tmp_path / ".PKGINFO").read_text().splitlines()
    assert {f"pkgver = {release()}-r1", f"arch = {HERE.alpine}", "depend = python3"} <= set(said)
    require_whole(tmp_path / "usr", "lib")


def test_packaged_command_runs_where_it_lies(made: Path, tmp_path: Path) -> None:
    """The launcher names /usr/lib/vgetrandom; here its folder is another one, and no other module is to be had."""
    unpack_alpine(made, tmp_path)
    launcher = tmp_path / "usr/bin/vgetrandom"
    launcher.write_text(launcher.read_text().replace("/usr/lib", str(tmp_path / "usr/lib")))
    python = Path("/usr/bin/python3")
    if not python.exists():
        needs.skip("this host has no Python of its own", needs.install("python3"))
    for words in (["--version"], ["path"], *([verb, "--help"] for verb in ("bench", "clones", "deploy", "matrix"))):
        done = subprocess.run([python, "-I", "-S", launcher, *words], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
    said = subprocess.run([python, "-I", "-S", launcher, "path"], capture_output=True, text=True).stdout.strip()
    assert said == str((tmp_path / "usr/lib/libvgetrandom.so").resolve())
