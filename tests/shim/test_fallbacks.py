"""Where the vDSO or the memory for it can't be had, everything works as before, by the system call (design, rule 3)."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Compile
from preloading import Run, read_reports, run
from tracing import trace

EPERM, ENOMEM, EINVAL, ENOSYS, EACCES = 1, 12, 22, 38, 13
DROPPABLE = "mmap/3/0xf/0x8"  # the type of mapping is in the low four bits of the flags
WIPEONFORK = "madvise/2/0xffffffff/18"
MORE_THAN = 9000  # calls that tests/native/libcs.c makes


@pytest.fixture
def everything(native: Compile) -> Path:
    """Draws by all functions, in threads and a child, looks at errors and errno, and compares all output."""
    return native("libcs")


@pytest.fixture(scope="session")
def altered(native: Compile) -> Path:
    """altered_vdso HOW PROGRAM...: runs it with another vDSO. Skips where that can't be done."""
    program = native("altered_vdso", "-static")
    if os.uname().machine != "x86_64":
        pytest.skip("altered_vdso.c knows x86-64 only")
    if run([program, "hidden", "/bin/true"]).status != 0:
        pytest.skip("this kernel's vDSO has no getrandom, or no process may be traced here")
    return program


@pytest.fixture(scope="session")
def refusing(native: Compile) -> Path:
    """refusing CALL=ERRNO... -- PROGRAM...: runs it under a filter. Skips where there are no filters."""
    program = native("refusing", "-static")
    if run([program, "tgkill=1", "--", "/bin/true"]).status != 0:
        pytest.skip("no seccomp filters here")
    return program


def serves(library: Path, *command: str | Path) -> Run:
    """Run a command that ends in `everything`; all its test points must be good."""
    done = run(command, library)
    assert done.status == 0 and "\nnot ok" not in done.text, done.text + done.errors.decode()
    assert "\nok" in done.text
    return done


def falls_back(library: Path, status: str, *command: str | Path) -> Run:
    """The same, and no draw came from the vDSO."""
    done = serves(library, *command)
    child, parent = sorted(done.reports, key=lambda report: report.fallbacks)
    assert parent.status == child.status == status
    assert parent.calls == child.calls == parent.first_draws == child.first_draws == 0
    assert parent.threads == 0
    assert parent.fallbacks > MORE_THAN > child.fallbacks >= 90
    return done


@pytest.mark.parametrize("how", ["hidden", "nameless", "unversioned"])
def test_no_vdso_function(altered: Path, everything: Path, library: Path, how: str) -> None:
    falls_back(library, "no-vdso", altered, how, everything)


@pytest.mark.parametrize("how", ["refuses", "size=0", "size=8192", "size=4294967295"])
def test_parameters_refused_or_unusable(altered: Path, everything: Path, library: Path, how: str) -> None:
    falls_back(library, "no-params", altered, how, everything)


def test_mapping_flags_that_the_kernel_refuses(altered: Path, everything: Path, library: Path) -> None:
    falls_back(library, "no-memory", altered, "flags=0", everything)


def droppable_sizes(smaps: str) -> list[int]:
    """The sizes, in kB, of the mappings that the kernel may drop."""
    mappings = re.findall(r"^Size: +(\d+) kB$|^VmFlags:(.*)$", smaps, re.MULTILINE)
    return [int(size) for (size, _), (_, flags) in zip(mappings[::2], mappings[1::2]) if "dp" in flags.split()]


@pytest.mark.parametrize(
    ("how", "sizes"),
    [
        ("size=144", [4]),  # 16 states in 192 bytes each, as this kernel's own
        ("size=1000", [16]),  # in 1024 bytes each: four a page
        ("size=4096", [64]),
        ("flags=0x22", []),  # private and anonymous, not droppable
    ],
)
def test_parameters_are_used_as_told(altered: Path, library: Path, how: str, sizes: list[int]) -> None:
    done = run([altered, how, "/bin/cat", "/proc/self/smaps"], library)
    assert droppable_sizes(done.text) == sizes
    assert [report.status for report in done.reports] == ["active"]


def test_the_vdso_is_told_the_size_that_it_asked_for(altered: Path, native: Compile, library: Path) -> None:
    done = run([altered, "size=1000", native("draw_once")], library)
    assert done.text == "1000 errno 0\n1000 errno 0\n"


def test_an_error_of_the_vdso_is_the_callers(altered: Path, native: Compile, library: Path) -> None:
    """It says what the system call said: EAGAIN for GRND_NONBLOCK, for example."""
    done = run([altered, "answers=11", native("draw_once")], library)
    assert done.text == "-1 errno 11\n-1 errno 11\n"


@pytest.mark.parametrize("error", [EPERM, ENOMEM, ENOSYS])
def test_the_mapping_refused(refusing: Path, everything: Path, library: Path, error: int) -> None:
    falls_back(library, "no-memory", refusing, f"{DROPPABLE}={error}", "--", everything)


@pytest.mark.parametrize("error", [EPERM, EINVAL])
def test_wipeonfork_refused(refusing: Path, everything: Path, library: Path, error: int) -> None:
    """As on a kernel without it: a fork could not be noticed. So no state is ever used."""
    reports = serves(library, refusing, f"{WIPEONFORK}={error}", "--", everything).reports
    assert {report.status for report in reports} == {"no-memory"}
    assert sum(report.calls + report.first_draws for report in reports) == 0


@pytest.mark.parametrize("rule", [f"{DROPPABLE}=1", f"{WIPEONFORK}=22"])
def test_who_falls_back_maps_nothing(refusing: Path, library: Path, rule: str) -> None:
    smaps = run([refusing, rule, "--", "/bin/cat", "/proc/self/smaps"], library).text
    assert "VmFlags:" in smaps
    assert droppable_sizes(smaps) == []


def test_the_record_can_not_be_made_read_only(native: Compile, library: Path, tmp_path: Path) -> None:
    calls = trace([native("calls")], LD_PRELOAD=str(library))[""]
    first = next(at for at, call in enumerate(calls) if call.name == "madvise" and "WIPEONFORK" in call.rest)
    number = 1 + sum(call.name == "mprotect" for call in calls[:first])
    inject = ["strace", "-qq", "-o", "/dev/null", "-e", f"inject=mprotect:error=ENOMEM:when={number}"]
    path = tmp_path / "report.jsonl"
    done = run([*inject, "-E", f"LD_PRELOAD={library}", "/bin/cat", "/proc/self/smaps"], VGETRANDOM_REPORT=str(path))
    (report,) = read_reports(path.read_text())
    assert report.status == "no-memory"
    assert droppable_sizes(done.text) == [], "the states are still mapped"


@pytest.mark.parametrize("rule", ["getpid=1", "getpid=38", "gettid=1", "gettid=38"])
def test_a_thread_that_can_not_know_its_ids(refusing: Path, native: Compile, library: Path, rule: str) -> None:
    """None hangs or fails; draws are system calls: three of the first thread, two each of five more."""
    done = run([refusing, rule, "--", native("ends"), "threads"], library)
    assert done.status == 0
    (report,) = done.reports
    assert (report.calls, report.fallbacks, report.first_draws, report.threads) == (0, 7, 6, 0)


@pytest.mark.parametrize("rule", ["tgkill=1", "tgkill=38", "prctl=1"])
def test_refusals_that_cost_nothing(refusing: Path, everything: Path, library: Path, rule: str) -> None:
    child, parent = sorted(serves(library, refusing, rule, "--", everything).reports, key=lambda report: report.calls)
    assert parent.calls > MORE_THAN and parent.fallbacks == 2
    assert child.calls + child.first_draws >= 90 and child.fallbacks == 0
    assert parent.first_draws == child.first_draws == 1


NO_GETRANDOM = f"getrandom={ENOSYS}"


@pytest.mark.parametrize("error", [ENOSYS, EPERM])
def test_arc4random_without_getrandom_reads_the_device(
    refusing: Path, native: Compile, library: Path, error: int
) -> None:
    drawn = set()
    for _ in range(2):
        done = run([refusing, f"getrandom={error}", "--", native("arc4random_only")], library)
        assert done.status == 0 and done.errors == b""
        numbers, verdict = done.text.splitlines()
        assert verdict == "numbers" and "00" * 16 not in numbers
        drawn |= set(re.findall(".{32}", numbers))
    assert len(drawn) == 2 * (1000 // 16)


@pytest.mark.parametrize("handling", ["nothing", "catch", "ignore"])
def test_arc4random_without_any_source_ends_the_process(
    refusing: Path, native: Compile, library: Path, handling: str
) -> None:
    """SIGABRT, with a message, whatever the program does about that signal."""
    # O_RDONLY|O_CLOEXEC|O_NOCTTY: the loader opens its files without the last.
    done = run(
        [refusing, NO_GETRANDOM, "openat/2/0xffffffff/0x80100=2", "--", native("arc4random_only"), handling], library
    )
    assert "numbers" not in done.text
    assert done.status == -signal.SIGABRT, (done.status, done.errors)
    assert done.errors.count(b"\n") == 1 and b"arc4random" in done.errors
    assert done.text == ("caught\n" if handling == "catch" else "")


@pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed")
def test_under_valgrind(everything: Path, library: Path) -> None:
    """It hides the vDSO, and it would tell of a read of what was never written."""
    errors = falls_back(library, "no-vdso", "valgrind", "-q", everything).errors.decode()
    assert not re.search("ninitialised|Invalid|Jump", errors), errors


@pytest.mark.skipif(shutil.which("qemu-x86_64") is None, reason="qemu-x86_64 (qemu-user) is not installed")
def test_under_qemu_user(everything: Path, library: Path) -> None:
    """Its guests have no vDSO, or one without getrandom."""
    done = run(["qemu-x86_64", "-E", f"LD_PRELOAD={library}", "-E", "VGETRANDOM_REPORT=fd:2", everything])
    assert done.status == 0 and "\nnot ok" not in done.text, done.text + done.errors.decode()
    reports = read_reports(done.errors.decode())
    assert len(reports) == 2 and sum(report.fallbacks for report in reports) > MORE_THAN
    assert sum(report.calls + report.first_draws for report in reports) == 0


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder that another user can enter and write to: pytest's own are private."""
    with tempfile.TemporaryDirectory(prefix="vgetrandom-secure-") as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


def test_a_set_uid_program_ignores_the_variables(native: Compile, library: Path, public_folder: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make a program that is set-uid to somebody else")
    linked, report = public_folder / "libvgetrandom.so", public_folder / "report.jsonl"
    shutil.copy(library, linked)
    program = public_folder / "secure"
    shutil.copy(native("secure", f"-Wl,-rpath,{public_folder}", "-L", public_folder, "-lvgetrandom"), program)
    environment = {**os.environ, "VGETRANDOM": "off", "VGETRANDOM_REPORT": str(report)}

    def output() -> str:
        return subprocess.run([program], env=environment, capture_output=True, text=True, check=True).stdout

    assert output() == "secure 0 status 2\n"
    assert report.exists()
    report.unlink()
    os.chown(program, 65534, 65534)
    program.chmod(0o6755)
    secure = output()
    if secure.startswith("secure 0"):
        pytest.skip("this file system takes no set-uid programs")
    assert secure == "secure 1 status 1\n"
    assert not report.exists()


def test_a_program_without_libc_is_unharmed(native: Compile, library: Path) -> None:
    """It has a loader, and so the library, but nobody who knows errno or the environment."""
    if os.uname().machine != "x86_64":
        pytest.skip("no_libc.c is written for x86-64")
    bare = ["-nostdlib", "-pie", "-fPIE", "-Wl,--no-as-needed", "-Wl,--dynamic-linker=/lib64/ld-linux-x86-64.so.2"]
    program = native("no_libc", *bare, "-Wl,--as-needed")
    done = run([program], library)
    assert (done.status, done.output, done.errors) == (42, b"", b"")
