"""Wheel and packages in clean Debian roots, where no compiler is: installed, used and removed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import needs
import pytest
from packaging_build import made_once
from vgetrandom.system.debian import host_mirror

pytestmark = [
    pytest.mark.slow,
    needs.root("to chroot"),
    needs.program("debootstrap"),
    needs.python("mesonpy"),
]
_MOUNTS = """
set -eu
mount --make-rprivate /
mount --bind "$1" "$1"
mount -t proc proc "$1/proc"
mount --rbind /dev "$1/dev"
exec chroot "$1" sh -euc "$2"
"""
# Every file but what the command line before it made, or programs leave at any time.
_FILES = (
    "find / -xdev '(' -path /proc -o -path /dev -o -path /tmp -o -path /var -o -path /made ')' -prune -o -print | sort"
)
_USE = """
vgetrandom --version
vgetrandom doctor || test $? = 1
vgetrandom run -- python3 -c 'import os; print(len(os.urandom(16)), "bytes")'
vgetrandom check --once -- python3 -c 'import os; [os.urandom(16) for _ in range(1000)]' || test $? = 1
su -s /bin/sh nobody -c 'vgetrandom path'
"""


@pytest.fixture(scope="module", params=["bookworm", "trixie"])
def root(request: pytest.FixtureRequest, shared_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minimal system of one release, with Python, and the files that were made in /made."""
    folder = tmp_path_factory.mktemp(request.param) / "root"
    words = ["debootstrap", "--variant=minbase", "--include=python3,python3-venv", request.param, folder]
    done = subprocess.run([*words, host_mirror().uri], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:]
    shutil.copytree(made_once(shared_folder), folder / "made")
    download = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary", ":all:", "-d", folder / "made"]
    subprocess.run([*download, "rich", "pyelftools"], check=True, capture_output=True)
    assert inside(folder, "! command -v cc && ! command -v gcc && ! command -v clang").returncode == 0
    return folder


def inside(root: Path, script: str) -> subprocess.CompletedProcess[str]:
    """A shell script in the root."""
    words = ["unshare", "-m", "sh", "-c", _MOUNTS, "sh", str(root), script]
    clean = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C"}
    return subprocess.run(words, env=clean, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600)


def require_used(done: subprocess.CompletedProcess[str], library: str) -> None:
    """What the script that uses it has to say."""
    assert done.returncode == 0, done.stdout + done.stderr
    assert "library with build id " in done.stdout
    assert "a draw of 16 bytes: system call " in done.stdout
    assert "16 bytes" in done.stdout.splitlines()
    assert done.stdout.splitlines()[-1] == library


def test_wheel_works(root: Path) -> None:
    install = "python3 -m venv /opt/v && /opt/v/bin/pip install -q --no-index --find-links /made vgetrandom"
    done = inside(root, f"{install}; PATH=/opt/v/bin:$PATH; {_USE}")
    minor = inside(root, "python3 -c 'import sys; print(sys.version_info.minor)'").stdout.strip()
    require_used(done, f"/opt/v/lib/python3.{minor}/site-packages/vgetrandom/libvgetrandom.so")
    assert inside(root, "rm -rf /opt/v").returncode == 0


def test_debian_package_works_and_leaves_nothing(root: Path) -> None:
    machine = os.uname().machine
    before = inside(root, _FILES).stdout
    done = inside(root, f"dpkg -i /made/*.deb >&2; {_USE}")
    require_used(done, f"/usr/lib/{machine}-linux-gnu/libvgetrandom.so")
    tried = inside(root, "vgetrandom deploy host --dry-run")
    assert tried.returncode == 0, tried.stderr
    assert f"+/usr/lib/{machine}-linux-gnu/libvgetrandom.so" in tried.stdout.splitlines()
    removed = inside(root, "dpkg -r vgetrandom")
    assert (removed.returncode, "not empty" in removed.stderr) == (0, False)
    assert inside(root, _FILES).stdout == before


def test_whole_host_has_it_and_gets_rid_of_it(root: Path) -> None:
    """The only place where a list for a whole host is written and lived with: another system's."""
    assert inside(root, "dpkg -i /made/*.deb").returncode == 0
    done = inside(
        root, "vgetrandom deploy host && cat /proc/self/maps && apt-get --version && su -s /bin/sh nobody -c id"
    )
    assert done.returncode == 0, done.stderr
    assert "libvgetrandom.so" in done.stdout
    # A package that is removed while the list names its file: programs start, and the loader complains.
    assert "cannot be preloaded" in inside(root, "dpkg -r vgetrandom; true").stderr
    assert inside(root, "/usr/local/sbin/vgetrandom-take-back").returncode == 0
    assert inside(root, "true").stderr == ""
    assert not (root / "etc/ld.so.preload").exists()


@needs.program("rpm")
def test_rpm_package_works_and_leaves_nothing(root: Path) -> None:
    """By this host's rpm; --nodeps, because Debian's Python is no package of RPM's."""
    before = inside(root, _FILES).stdout
    (package,) = (root / "made").glob("*.rpm")
    for words in (["--initdb"], ["--install", "--nodeps", package]):
        done = subprocess.run(["rpm", "--root", root, *words], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    require_used(inside(root, _USE), "/usr/lib64/libvgetrandom.so")
    verified = subprocess.run(
        ["rpm", "--root", root, "--verify", "--nodeps", "vgetrandom"], capture_output=True, text=True
    )
    assert (verified.returncode, verified.stdout) == (0, "")
    assert subprocess.run(["rpm", "--root", root, "--erase", "vgetrandom"], capture_output=True).returncode == 0
    left = set(inside(root, _FILES).stdout.splitlines()) - set(before.splitlines())
    assert not [path for path in left if "vgetrandom" in path]
