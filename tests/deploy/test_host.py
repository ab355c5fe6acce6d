"""`vgetrandom deploy host`: every program has the library, or nothing is written; and a way back without a loader.

Each test works in mounts of its own, where /etc and /usr/local are copies: this host's are never touched.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import needs
import pytest
from broken import BROKEN, compile_broken, tree
from command import command_line, environment_with
from vgetrandom.deploy.placing import require_root
from vgetrandom.errors import VgetrandomError

ROOT = Path(__file__).resolve().parents[2]
QUICK = ("crashes at load", "draws the same again", "says something")
LIST = Path("etc/ld.so.preload")
SAVED = Path("etc/ld.so.preload.vgetrandom-saved")
STATIC = Path("local/sbin/vgetrandom-take-back")

# $1 holds the copies. Nothing is started before both are seen to be in place.
_SANDBOX = """
set -eu
mount --make-rprivate /
mount --bind "$1/local" /usr/local
mount --bind "$1/etc" /etc
test -e /etc/private && test -e /usr/local/private
shift
exec "$@"
"""


def _mounts_can_be_had() -> bool:
    if os.geteuid() != 0 or not shutil.which("unshare") or sys.prefix.startswith("/usr/local"):
        return False
    probe = "mount --make-rprivate / && mount -t tmpfs none /mnt"
    return subprocess.run(["unshare", "-m", "sh", "-c", probe], capture_output=True).returncode == 0


pytestmark = [
    needs.program("unshare"),
    needs.root("to mount copies of /etc and /usr/local"),
    needs.host(_mounts_can_be_had(), "on which mounts of our own can be had"),
    needs.host(sys.platform.startswith("linux") and os.confstr("CS_GNU_LIBC_VERSION"), "with glibc"),
]


@pytest.fixture(scope="session")
def package_folder(library: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library with the static program beside it, as they lie in the package."""
    folder = tmp_path_factory.mktemp("package")
    shutil.copy(library, folder / library.name)
    source = ROOT / "pytools/vgetrandom/deploy/native/take_back.c"
    options = ["-O2", "-ffreestanding", "-fno-stack-protector", "-fno-pie", "-static", "-nostdlib", "-no-pie"]
    subprocess.run(["gcc", *options, "-I", ROOT / "shim/core", "-o", folder / "take_back", source], check=True)
    return folder


@pytest.fixture
def system(tmp_path: Path) -> Path:
    """Copies of /etc, as far as programs need it, and of an empty /usr/local."""
    folder = tmp_path / "system"
    for name in ("local/lib", "local/sbin", "local/bin", "etc"):
        (folder / name).mkdir(parents=True)
    wanted = ("passwd", "group", "nsswitch.conf", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "pam.d", "alternatives")
    for name in wanted:
        source = Path("/etc", name)
        if source.is_dir():
            shutil.copytree(source, folder / "etc" / name, symlinks=True)
        elif source.exists():
            shutil.copy2(source, folder / "etc" / name)
    for name in ("etc", "local"):
        (folder / name / "private").touch()
    return folder


def inside(system: Path, library: Path, *words: object) -> subprocess.CompletedProcess[str]:
    """A command that sees the copies."""
    command = ["unshare", "-m", "sh", "-c", _SANDBOX, "sandbox", system, *words]
    environment = {**environment_with(library), "PYTHONPATH": str(ROOT / "pytools")}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)


def deploy(system: Path, library: Path, *words: object) -> subprocess.CompletedProcess[str]:
    return inside(system, library, *command_line("deploy", "host", *words))


@pytest.fixture
def library_in_package(package_folder: Path, library: Path) -> Path:
    return package_folder / library.name


@pytest.mark.parametrize("there", [None, b"", b"/usr/lib/x86_64-linux-gnu/libm.so.6\n"])
def test_every_program_has_it_and_undo_leaves_nothing(
    system: Path, library_in_package: Path, there: bytes | None
) -> None:
    if there is not None:
        (system / LIST).write_bytes(there)
    before = tree(system)
    done = deploy(system, library_in_package)
    assert (done.returncode, done.stderr) == (0, "")
    assert (system / LIST).read_bytes() == (there or b"") + b"/usr/local/lib/libvgetrandom.so\n"
    assert (system / SAVED).read_bytes() == (there or b"")
    maps = inside(system, library_in_package, "cat", "/proc/self/maps")
    assert "/usr/local/lib/libvgetrandom.so" in maps.stdout
    listed = inside(system, library_in_package, *command_line("deploy", "--list"))
    assert listed.stdout.splitlines()[1].startswith("host ")
    assert deploy(system, library_in_package).returncode == 0  # once more changes nothing
    assert (system / LIST).read_bytes().count(b"libvgetrandom") == 1
    undone = deploy(system, library_in_package, "--undo")
    assert (undone.returncode, undone.stderr) == (0, "")
    expected = {path: text for path, text in before.items() if path != str(LIST) or text}
    assert tree(system) == expected


@pytest.mark.parametrize("how", [pytest.param(how, marks=[] if how in QUICK else pytest.mark.slow) for how in BROKEN])
def test_broken_library_writes_nothing(system: Path, package_folder: Path, tmp_path: Path, how: str) -> None:
    broken = compile_broken(how, tmp_path)
    shutil.copy(package_folder / "take_back", tmp_path)
    before = tree(system)
    done = deploy(system, broken)
    assert done.returncode == 1, done.stderr
    assert done.stderr.splitlines()[-1].endswith("; nothing is written")
    assert tree(system) == before


def test_dry_run_tries_and_writes_nothing(system: Path, library_in_package: Path) -> None:
    before = tree(system)
    done = deploy(system, library_in_package, "--dry-run")
    assert (done.returncode, done.stderr) == (0, "")
    assert "+/usr/local/lib/libvgetrandom.so" in done.stdout.splitlines()
    assert tree(system) == before


@pytest.mark.parametrize("there", [None, b"/usr/lib/x86_64-linux-gnu/libm.so.6\n"])
def test_static_program_takes_it_back_where_nothing_starts(
    system: Path, library_in_package: Path, tmp_path: Path, there: bytes | None
) -> None:
    if there is not None:
        (system / LIST).write_bytes(there)
    assert deploy(system, library_in_package).returncode == 0
    compile_broken("crashes at load", tmp_path).replace(system / "local/lib/libvgetrandom.so")
    for program in ("sh", "true", sys.executable):
        assert inside(system, library_in_package, program, "--version").returncode in (
            -4,
            -5,
            132,
            133,
        )  # SIGILL, SIGTRAP
    direct = inside(system, library_in_package, "/usr/local/sbin/vgetrandom-take-back")
    assert (direct.returncode, "as it was before" in direct.stderr) == (0, True)
    assert ((system / LIST).read_bytes() if (system / LIST).exists() else None) == there
    assert not (system / SAVED).exists()
    assert inside(system, library_in_package, "true").returncode == 0
    again = inside(system, library_in_package, "/usr/local/sbin/vgetrandom-take-back")
    assert (again.returncode, "nothing is changed" in again.stderr) == (1, True)


def test_static_program_works_below_another_root(system: Path, library_in_package: Path) -> None:
    """From a rescue system that has the host mounted somewhere."""
    (system / LIST).write_bytes(b"/new.so\n")
    (system / SAVED).write_bytes(b"/old.so\n")
    program = library_in_package.with_name("take_back")
    assert subprocess.run([program, system], capture_output=True).returncode == 0
    assert (system / LIST).read_bytes() == b"/old.so\n"
    done = subprocess.run([program, system / "nowhere"], capture_output=True, text=True)
    assert (done.returncode, "can't be entered" in done.stderr) == (2, True)


def test_undo_keeps_what_another_added_meanwhile(system: Path, library_in_package: Path) -> None:
    assert deploy(system, library_in_package).returncode == 0
    with (system / LIST).open("ab") as stream:
        stream.write(b"/usr/lib/x86_64-linux-gnu/libm.so.6\n")
    assert deploy(system, library_in_package, "--undo").returncode == 0
    assert (system / LIST).read_bytes() == b"/usr/lib/x86_64-linux-gnu/libm.so.6\n"


def test_what_goes_wrong_behind_the_trial_is_taken_back(system: Path, library_in_package: Path, tmp_path: Path) -> None:
    """The trial has passed, and what then is in place is another file: programs are not the same, and all goes back."""
    before = tree(system)
    broken = compile_broken("draws zeros", tmp_path)
    code = f"""
from pathlib import Path
from vgetrandom.deploy import host, placing
from vgetrandom.deploy.changes import Change
host.try_privately(Path({str(library_in_package)!r}))
writes = [Change(placing.PLACE, Path({str(broken)!r}).read_bytes(), 0o755)]
host.write_and_verify(host.insertion(placing.PLACE, writes), placing.PLACE)
"""
    done = inside(system, library_in_package, sys.executable, "-c", code)
    assert done.returncode == 1
    assert "nothing is written" in done.stderr.splitlines()[-1]
    assert tree(system) == before


def test_an_ordinary_user_is_told_to_be_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(VgetrandomError, match="sudo"):
        require_root("that")
