"""Every verdict of scan on programs made for it, each beside what strace counts when the program runs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import needs
import pytest
from conftest import Compile
from drawing import NEW_GLIBC
from draws import count_draws
from vgetrandom.errors import VgetrandomError
from vgetrandom.scan.closure import Root
from vgetrandom.scan.survey import Row, Target, survey
from vgetrandom.scan.verdict import Verdict
from vgetrandom.system import debian

DRAWS = 50  # of each program
FIRST = 1  # with the library, the first draw of a thread is a system call
WAYS = {
    "getrandom": Verdict.REACHED,
    "getentropy": Verdict.REACHED,
    "syscall": Verdict.REACHED,
    "dlsym": Verdict.REACHED,
    "both": Verdict.PARTLY,
    "instruction": Verdict.UNREACHABLE,
    "device": Verdict.UNREACHABLE,
    "own": Verdict.UNREACHABLE,
    "name": Verdict.UNREACHABLE,
    "nothing": Verdict.UNREACHABLE,
}
REASONS = {
    "both": "getrandom in {name}; not system call instruction in {name}",
    "instruction": "only system call instruction in {name}",
    "device": "only /dev/urandom in {name}",
    "name": "no random calls",
    "nothing": "no random calls",
}


def judged(path: Path, root: Root | None = None) -> Row:
    """The verdict on one file."""
    found = survey([Target(str(path), root or Root())])
    assert not found.troubles, found.troubles
    return found.rows[0]


def trixie(*packages: str) -> Path:
    """The folder with packages of Debian 13, whose glibc 2.41 draws from the vDSO."""
    try:
        return debian.fetch("trixie", "amd64", packages)
    except VgetrandomError as error:
        needs.skip(str(error), needs.MIRROR)


def program(native: Compile, way: str, *options: str, compiler: str = "gcc") -> Path:
    """The program that draws in one way."""
    exported = ["-rdynamic"] if way == "own" else []
    kind = "".join(options).replace("-", "_")
    name = f"scan_{way}{kind}.{compiler}"
    return native("scan_draws", f"-DHOW=BY_{way.upper()}", *exported, *options, compiler=compiler, output=name)


@pytest.mark.parametrize("compiler", ["gcc", "musl-gcc"])
@pytest.mark.parametrize("way", WAYS)
def test_each_way_to_draw_has_its_verdict_and_strace_agrees(
    way: str, compiler: str, native: Compile, library: Path, tmp_path: Path
) -> None:
    path = program(native, way, compiler=compiler)
    row = judged(path)
    by_libc = NEW_GLIBC and compiler == "gcc" and way in ("getrandom", "dlsym", "both")
    by_kernel = 0 if by_libc else DRAWS
    expected = Verdict.NATIVE if by_libc and WAYS[way] is Verdict.REACHED else WAYS[way]
    assert row.judgement.verdict is expected, row.judgement
    if way in REASONS:
        assert row.judgement.reason == REASONS[way].format(name=path.name)
    assert row.judgement.libc.name == ("musl" if compiler == "musl-gcc" else "glibc")
    before, after = (count_draws([str(path)], tmp_path, preloaded, {}) for preloaded in (None, library))
    if WAYS[way] is Verdict.REACHED:
        assert (before.own, after.own) == (by_kernel, FIRST)
    elif way == "both":
        assert (before.own, after.own) == (DRAWS + by_kernel, DRAWS + FIRST)
    else:
        assert before.own == after.own == (DRAWS if way in ("instruction", "own") else 0)
        assert before.devices == after.devices == (DRAWS if way == "device" else 0)


@pytest.mark.parametrize(("compiler", "option"), [("gcc", "-static"), ("gcc", "-static-pie"), ("musl-gcc", "-static")])
def test_a_static_program_is_unreachable(
    compiler: str, option: str, native: Compile, library: Path, tmp_path: Path
) -> None:
    path = program(native, "getrandom", option, compiler=compiler)
    row = judged(path)
    assert row.judgement.verdict is Verdict.UNREACHABLE
    assert row.judgement.reason == "statically linked: there is no loader to preload with"
    assert count_draws([str(path)], tmp_path, library, {}).own == DRAWS


def test_a_static_program_of_a_libc_that_uses_the_vdso_is_unreachable_too(
    native: Compile, library: Path, tmp_path: Path
) -> None:
    """It names the vDSO's function, and makes system calls: scan once called it native."""
    root = trixie("libc6", "libc6-dev", "linux-libc-dev")
    lib, include = root / "usr/lib/x86_64-linux-gnu", root / "usr/include"
    options = [f"-B{lib}", f"-L{lib}", f"-isystem{include}", f"-isystem{include}/x86_64-linux-gnu"]
    path = native("scan_draws", "-DHOW=BY_GETRANDOM", "-static", *options, output="scan_static.trixie")
    assert b"__vdso_getrandom" in path.read_bytes()
    assert judged(path).judgement.reason == "statically linked: there is no loader to preload with"
    assert count_draws([str(path)], tmp_path, library, {}).own == DRAWS


def test_a_libc_that_uses_the_vdso_itself_makes_a_program_native(
    native: Compile, library: Path, tmp_path: Path
) -> None:
    root = trixie("libc6")
    loader = [str(root / "lib64/ld-linux-x86-64.so.2"), "--library-path", str(root / "usr/lib/x86_64-linux-gnu")]
    for way, verdict in (("getrandom", Verdict.NATIVE), ("getentropy", Verdict.REACHED), ("syscall", Verdict.REACHED)):
        path = program(native, way)
        row = judged(path, Root(str(root)))
        assert row.judgement.verdict is verdict, row.judgement
        assert row.judgement.libc.version == "2.41"
        before, after = (count_draws([*loader, str(path)], tmp_path, preloaded, {}) for preloaded in (None, library))
        assert (before.own, after.own) == (0 if verdict is Verdict.NATIVE else DRAWS, FIRST)


def test_another_elf_class_is_unreachable(tmp_path: Path) -> None:
    source = tmp_path / "main.c"
    source.write_text("#include <sys/random.h>\nint main(void) { char b[4]; return getrandom(b, 4, 0) != 4; }\n")
    needs.require_python("ziglang")
    compiler = [sys.executable, "-m", "ziglang", "cc", "-target", "x86-linux-musl"]
    done = subprocess.run([*compiler, "-o", str(tmp_path / "main"), str(source)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert judged(tmp_path / "main").judgement.reason == "32-bit 386: the library does not exist for it"


@pytest.mark.parametrize(("mode", "reason"), [(0o4755, "set-uid"), (0o2755, "set-gid")])
def test_a_privileged_program_is_unreachable(mode: int, reason: str, native: Compile, tmp_path: Path) -> None:
    path = Path(shutil.copy(program(native, "getrandom"), tmp_path))
    path.chmod(mode)
    judgement = judged(path).judgement
    assert (judgement.verdict, judgement.reason) == (
        Verdict.UNREACHABLE,
        f"{reason}: the loader ignores LD_PRELOAD there",
    )


def test_a_program_with_file_capabilities_is_unreachable(native: Compile, tmp_path: Path) -> None:
    path = Path(shutil.copy(program(native, "getrandom"), tmp_path))
    capability = bytes.fromhex("0100000200040000000000000000000000000000")  # cap_net_bind_service=ep
    try:
        os.setxattr(path, "security.capability", capability)
    except OSError as error:
        needs.skip(f"file capabilities can't be set here: {error.strerror}", needs.ROOT)
    assert judged(path).judgement.reason == "file capabilities: the loader ignores LD_PRELOAD there"


def scan(*arguments: object) -> subprocess.CompletedProcess[str]:
    """`vgetrandom scan` in a process of its own."""
    words = [sys.executable, "-m", "vgetrandom", "scan", *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, timeout=300)


def test_the_command_prints_a_table_and_a_summary(native: Compile) -> None:
    reached, silent = program(native, "getentropy"), program(native, "nothing")
    done = scan(silent, reached)
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["VERDICT", "FILE", "WHY"]
    assert lines[1].split() == ["reached", str(reached), "getentropy", "in", reached.name]
    assert lines[2].split()[:2] == ["unreachable", str(silent)]
    assert lines[3] == "2 files: 1 reached, 0 partly, 0 native, 1 unreachable"
    assert (done.returncode, done.stderr) == (0, "")


def test_the_exit_status_tells_whether_anything_would_be_reached(native: Compile, tmp_path: Path) -> None:
    assert scan(program(native, "getentropy")).returncode == 0
    assert scan(program(native, "nothing")).returncode == 1
    assert scan(tmp_path / "missing").returncode == 2
    assert scan().returncode == 2


def test_json_has_every_detail(native: Compile) -> None:
    path = program(native, "both")
    document: dict[str, Any] = json.loads(scan("--json", path).stdout)
    assert document["schema"] == 1
    assert document["summary"] == {"reached": 0, "partly": 1, "native": 0, "unreachable": 0, "not_elf": 0}
    (row,) = document["files"]
    assert (row["path"], row["kind"], row["verdict"], row["bits"]) == (str(path), "program", "partly", 64)
    assert row["calls"] == [
        {"file": path.name, "call": "getrandom", "served_by": "native" if NEW_GLIBC else "library"},
        {"file": path.name, "call": "system call instruction", "served_by": "kernel"},
    ]
    assert row["libc"]["name"] == "glibc"


def test_a_running_process_is_judged_by_what_it_has_mapped(library: Path) -> None:
    environment = {**os.environ, "LD_PRELOAD": str(library)}
    with subprocess.Popen(["bash", "-c", "echo; read"], env=environment, stdin=-1, stdout=-1) as process:
        assert process.stdout and process.stdout.readline() == b"\n"
        row = json.loads(scan("--json", "--pid", process.pid).stdout)["files"][0]
        process.kill()
    assert row["path"].endswith(f"/bash [{process.pid}]")
    assert (row["verdict"], row["preloaded"]) == ("native" if NEW_GLIBC else "reached", True)


def test_a_package_s_programs_are_found_by_its_name() -> None:
    if not Path("/var/lib/dpkg/info/coreutils.list").exists():
        needs.another_host("with Debian's packages")
    paths = [row["path"] for row in json.loads(scan("--json", "--package", "coreutils").stdout)["files"]]
    assert any(path.endswith("/bin/shuf") for path in paths)
    done = scan("--package", "no-such-package")
    assert done.returncode == 2
    assert done.stderr == "vgetrandom: no package no-such-package is installed here; scan its files by path\n"


def test_a_script_is_told_from_a_program(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\n")
    done = scan(script)
    assert done.stderr == f"{script}: a script: scan its interpreter, /bin/sh\n"


def test_go_programs_are_told_by_their_release() -> None:
    expected = {"bookworm": (Verdict.UNREACHABLE, "Go 1.19"), "trixie": (Verdict.NATIVE, "Go 1.24")}
    for release, (verdict, words) in expected.items():
        try:
            root = debian.fetch(release, "amd64", ["age"])
        except VgetrandomError as error:
            needs.skip(str(error), needs.MIRROR)
        judgement = judged(root / "usr/bin/age", Root(str(root))).judgement
        assert judgement.verdict is verdict
        assert judgement.reason.startswith(words)
