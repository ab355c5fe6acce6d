"""A wheel serves every glibc and musl of its architecture, and nothing is compiled where it is installed."""

from __future__ import annotations

import base64
import csv
import hashlib
import os
import re
import subprocess
import zipfile
from pathlib import Path

import needs
import pytest
from conftest import ROOT, Compile
from elf_needs import needs_of
from foreign import ELF_MACHINES
from installing import commands_of_environment
from packaging_build import ARCHITECTURES, HERE, build, made_once
from preloading import run

pytestmark = needs.python("mesonpy", "wheel", "shtab")
# What the helper that times draws takes from the libc of the interpreter that opens it.
TIMING = {"clock_gettime", "getauxval", "getrandom", "mmap", "syscall", "sysconf", "memset", "memcpy"}


@pytest.fixture(scope="session")
def wheel(shared_folder: Path) -> Path:
    return next(made_once(shared_folder).glob("*.whl"))


def release() -> str:
    found = re.search(r"version: '([^']+)'", (ROOT / "meson.build").read_text())
    assert found
    return found[1]


def require_whole(wheel: Path, architecture: str) -> None:
    """Its tags, its record of files, and each ELF file in it."""
    tags = next(one.wheel for one in ARCHITECTURES if one.name == architecture)
    assert wheel.name == f"vgetrandom-{release()}-py3-none-{tags}.whl"
    with zipfile.ZipFile(wheel) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    info = content[f"vgetrandom-{release()}.dist-info/WHEEL"].decode()
    assert set(re.findall(r"^Tag: (.*)$", info, re.MULTILINE)) == {f"py3-none-{tag}" for tag in tags.split(".")}
    assert "Root-Is-Purelib: false" in info.splitlines()
    for name, digest, _ in csv.reader(content[f"vgetrandom-{release()}.dist-info/RECORD"].decode().splitlines()):
        if digest:
            expected = base64.urlsafe_b64encode(hashlib.sha256(content[name]).digest()).rstrip(b"=").decode()
            assert digest == f"sha256={expected}", name
    files = {name.rpartition("/")[2]: data for name, data in content.items() if data.startswith(b"\x7fELF")}
    assert set(files) == {"libvgetrandom.so", "libvgetrandom-report.so", "vdso_speed.so", "take_back"}
    for name, data in files.items():
        needs = needs_of(data)
        assert needs.machine == ELF_MACHINES[architecture]
        assert (needs.libraries, needs.loader, needs.versions) == ((), False, False), name
        assert needs.strong <= (TIMING if name == "vdso_speed.so" else set()), name
        assert not needs.executable_stack, name
        assert len(needs.build_id) == 40, name
        assert str(ROOT).encode() not in data, name


def test_wheel_of_this_host_is_whole(wheel: Path) -> None:
    require_whole(wheel, HERE.name)


@pytest.mark.parametrize("compiler", ["gcc", "musl-gcc"])
def test_files_of_the_wheel_load_under_glibc_and_musl(
    wheel: Path, native: Compile, tmp_path: Path, compiler: str
) -> None:
    """One helper and one library, in a process of each libc; the library takes part where it is preloaded."""
    opens = native("opens_speed", compiler=compiler)
    with zipfile.ZipFile(wheel) as archive:
        for name in ("vdso_speed.so", "libvgetrandom.so"):
            (tmp_path / name).write_bytes(archive.read(f"vgetrandom/{name}"))
    for library in (None, tmp_path / "libvgetrandom.so"):
        done = run(
            [opens, tmp_path / "vdso_speed.so", "0"], library=None, **({"LD_PRELOAD": str(library)} if library else {})
        )
        assert (done.status, done.errors) == (0, b"")
        assert all(float(time) > 0 for time in done.text.split())


@pytest.mark.slow
@needs.python("ziglang")
@pytest.mark.parametrize("architecture", [name for name in ELF_MACHINES if name != HERE.name])
def test_wheel_of_another_architecture_is_whole(architecture: str, tmp_path: Path) -> None:
    (wheel,) = build(tmp_path, "--arch", architecture, "--only", "wheel")
    require_whole(wheel, architecture)


def test_wheel_carries_the_manual_and_the_completion(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name.partition(".data/data/share/")[2] for name in archive.namelist()}
    wanted = {"man/man1/vgetrandom.1", "man/man1/vgetrandom-deploy.1", "man/man3/vgetrandom.3"}
    wanted |= {"man/man7/libvgetrandom.7", "bash-completion/completions/vgetrandom", "zsh/site-functions/_vgetrandom"}
    assert wanted <= names


@pytest.fixture(scope="module")
def scripts(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The commands of an environment that has the wheel, and else what we have here."""
    return commands_of_environment(tmp_path_factory.mktemp("environment"), "--no-index", wheel)


def without_compiler(scripts: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A command of the environment, where PATH has nothing else."""
    others = {name: value for name, value in os.environ.items() if not name.startswith(("VGETRANDOM", "PYTHONPATH"))}
    environment = {**others, "PATH": str(scripts), "CC": "no-such-compiler"}
    return subprocess.run([scripts / words[0], *words[1:]], env=environment, capture_output=True, text=True)


def test_command_works_without_a_compiler(scripts: Path) -> None:
    said = without_compiler(scripts, "vgetrandom", "path").stdout.strip()
    assert Path(said).is_relative_to(scripts.parent)
    code = "import os; [os.urandom(16) for _ in range(100)]"
    checked = without_compiler(scripts, "vgetrandom", "check", "--once", "--", str(scripts / "python"), "-c", code)
    assert checked.returncode in (0, 1), checked.stderr
    assert checked.stderr == ""
    examined = without_compiler(scripts, "vgetrandom", "doctor")
    assert "a draw of 16 bytes: system call " in examined.stdout


def test_version_tells_the_release_and_the_build_of_the_library(scripts: Path, wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        build_id = needs_of(archive.read("vgetrandom/libvgetrandom.so")).build_id
    said = without_compiler(scripts, "vgetrandom", "--version").stdout
    assert said == f"vgetrandom {release()}, library with build id {build_id}\n"


def test_release_is_the_newest_of_the_changelog() -> None:
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest
    assert newest[1] == release()
