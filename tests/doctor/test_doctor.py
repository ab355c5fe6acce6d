"""`vgetrandom doctor`: what it says of this host is what the kernel says."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import needs
import pytest
from command import Vgetrandom, one_line, runner_for
from vgetrandom.preload.library import REPORTER_NAME

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def package_folder(library: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library with the reporter and its helper beside it, as they lie in the package."""
    folder = tmp_path_factory.mktemp("package")
    for path in (library, library.with_name(REPORTER_NAME)):
        (folder / path.name).write_bytes(path.read_bytes())
    source = ROOT / "pytools" / "vgetrandom" / "doctor" / "vdso_speed.c"
    options = ["-std=gnu11", "-O2", "-D_GNU_SOURCE", "-shared", "-fPIC", "-nostdlib", "-fvisibility=hidden"]
    subprocess.run(["gcc", *options, "-o", folder / "vdso_speed.so", source], check=True)
    return folder


@pytest.fixture
def vgetrandom(package_folder: Path, library: Path) -> Vgetrandom:
    return runner_for(package_folder / library.name)


def report_of(vgetrandom: Vgetrandom, library: Path, folder: Path) -> dict[str, object]:
    """What the library itself says in a process, by its exit report."""
    vgetrandom("run", "--report", folder / "report", "--", "sh", "-c", "exit 0")
    line: dict[str, object] = json.loads((folder / "report").read_text().splitlines()[0])
    return line


def test_verdict_is_what_the_library_reports(vgetrandom: Vgetrandom, library: Path, tmp_path: Path) -> None:
    result = vgetrandom("doctor", "--json")
    found = json.loads(result.stdout)
    status = report_of(vgetrandom, library, tmp_path)["status"]
    assert found["schema"] == 2
    assert found["library"]["status"] == status
    assert found["works"] == (status == "active")
    assert found["good"] == (status == "active" and not found["libc_uses_vdso"])
    assert result.returncode == (0 if found["good"] else 1)


def test_host_is_described(vgetrandom: Vgetrandom) -> None:
    host = json.loads(vgetrandom("doctor", "--json").stdout)["host"]
    assert (host["kernel"], host["machine"]) == (os.uname().release, os.uname().machine)
    name, version = platform.libc_ver()
    if name == "glibc":
        assert host["libc"] == f"glibc {version}"
    mode = re.search(r"^Seccomp:\s*(\d)", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert mode and host["seccomp"] == ["none", "strict", "filter"][int(mode[1])]


def test_measured_figures_belong_together(vgetrandom: Vgetrandom) -> None:
    found = json.loads(vgetrandom("doctor", "--json").stdout)
    times = found["nanoseconds"]
    assert 10 < times["system_call"] < 1e6
    if not found["vdso"]:
        needs.another_host("with vDSO getrandom: Linux 6.11 or newer")
    assert found["states"]["state_size"] > 0 and found["states"]["mapped"]
    assert found["ratio"] == pytest.approx(times["system_call"] / times["vdso"])
    assert found["ratio"] > 2
    assert times["library"] < times["system_call"] / 2


def test_few_lines_for_a_person(vgetrandom: Vgetrandom) -> None:
    result = vgetrandom("doctor")
    lines = result.stdout.splitlines()
    assert len(lines) <= 10
    assert lines[-1].startswith(("yes: ", "no: "))
    assert all(any(line.startswith(word) for line in lines) for word in ("kernel", "vDSO", "libc", "library", "speed"))
    assert result.stderr == ""


def test_lock_is_tried(vgetrandom: Vgetrandom) -> None:
    found = json.loads(vgetrandom("doctor", "--json").stdout)
    if not found["vdso"]:
        needs.another_host("with vDSO getrandom: Linux 6.11 or newer")
    (line,) = [line for line in vgetrandom("doctor").stdout.splitlines() if line.startswith("lock ")]
    assert found["lock"] in ("locked", "lock-refused")
    assert ("is granted" in line) == (found["lock"] == "locked")


@needs.root("to give up CAP_IPC_LOCK")
def test_lock_that_is_refused_is_told_with_the_limit(vgetrandom: Vgetrandom) -> None:
    """Without privileges, and with a limit that is too small for all states."""
    code = (
        "import ctypes, os, resource, sys; resource.setrlimit(resource.RLIMIT_MEMLOCK, (65536, 65536));"
        "assert ctypes.CDLL(None).prctl(24, 14, 0, 0, 0) == 0;"  # PR_CAPBSET_DROP, CAP_IPC_LOCK
        "os.execv(sys.executable, [sys.executable, '-m', 'vgetrandom', 'doctor'])"
    )
    result = vgetrandom("run", "--off", "--", sys.executable, "-c", code)
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("lock ")]
    if "unknown" in line:
        needs.another_host("with vDSO getrandom: Linux 6.11 or newer")
    assert "is refused here" in line and "RLIMIT_MEMLOCK is 64 KiB" in line


@pytest.mark.parametrize("value", ["OFF", "nobulk,soap"])
def test_what_the_environment_says_is_shown(vgetrandom: Vgetrandom, value: str) -> None:
    found = json.loads(vgetrandom("doctor", "--json", VGETRANDOM=value).stdout)
    lines = vgetrandom("doctor", VGETRANDOM=value).stdout.splitlines()
    (line,) = [line for line in lines if line.startswith("VGETRANDOM ")]
    assert found["setting"] == value
    if value == "OFF":
        assert found["complaint"] is None and line.endswith("OFF here: off")
    else:
        assert "'soap' in VGETRANDOM means nothing" in found["complaint"]
        assert found["complaint"] in line


def test_host_where_the_vdso_is_hidden_is_no(vgetrandom: Vgetrandom, package_folder: Path, tmp_path: Path) -> None:
    """A library that finds no vDSO getrandom: one built for VGETRANDOM=off alone would say the same."""
    result = vgetrandom("doctor", "--json", VGETRANDOM_LIBRARY=str(_inert(package_folder, tmp_path)))
    found = json.loads(result.stdout)
    assert result.returncode == 1
    assert found["verdict"].startswith("no: ")


def _inert(package_folder: Path, folder: Path) -> Path:
    """A library that can be preloaded and does nothing."""
    source, inert = folder / "inert.c", folder / "libvgetrandom.so"
    source.write_text("int inert;\n")
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", inert, source], check=True)
    for name in ("vdso_speed.so", REPORTER_NAME):
        (folder / name).symlink_to(package_folder / name)
    return inert


def test_seccomp_filter_is_seen(vgetrandom: Vgetrandom, tmp_path: Path) -> None:
    """Under a filter that allows everything, doctor still works, and tells."""
    code = """
import ctypes, os, struct, sys
program = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0x7FFF0000))
class Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("steps", ctypes.c_void_p)]
libc = ctypes.CDLL(None)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.byref(Filter(1, ctypes.addressof(program))), 0, 0) == 0
os.execv(sys.executable, [sys.executable, "-m", "vgetrandom", "doctor", "--json"])
"""
    result = vgetrandom("run", "--off", "--", sys.executable, "-c", code)
    assert json.loads(result.stdout)["host"]["seccomp"] == "filter", result.stderr


def test_missing_library_is_one_line(vgetrandom: Vgetrandom) -> None:
    result = vgetrandom("doctor", VGETRANDOM_LIBRARY="/nowhere/libvgetrandom.so")
    assert result.returncode == 2
    assert "/nowhere/libvgetrandom.so" in one_line(result)
