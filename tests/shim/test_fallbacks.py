"""Where the vDSO or the memory for it can't be had, everything works as before, by the system call (design, rule 3)."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import needs
import pytest
from conftest import Compile
from preloading import run
from tracing import trace
from witness import Process, Witness, alone, read_testimony

EPERM, ENOMEM, EINVAL, ENOSYS, EACCES = 1, 12, 22, 38, 13
DROPPABLE = "mmap/3/0xf/0x8"  # the type of mapping is in the low four bits of the flags
MORE_THAN = 9000  # calls that tests/native/libcs.c makes


@pytest.fixture
def everything(native: Compile) -> Path:
    """Draws by all functions, in threads and a child, looks at errors and errno, and compares all output."""
    return native("libcs")


def serves(witness: Witness, *command: str | Path, **environment: str) -> Sequence[Process]:
    """Run a command that ends in `everything`; all its test points must be good. Returns the child and its parent."""
    done = witness.run(command, **environment)
    assert done.status == 0 and "\nnot ok" not in done.text, done.text + done.errors.decode()
    assert "\nok" in done.text
    return sorted(done.processes, key=lambda process: not process.forked)


def falls_back(witness: Witness, status: str, *command: str | Path) -> None:
    """The same, and no draw came from the vDSO."""
    child, parent = serves(witness, *command)
    assert parent.status == child.status == status
    assert parent.memory == child.memory == "none"
    assert parent.calls == child.calls == parent.slots == child.slots == 0


@pytest.mark.parametrize("how", ["hidden", "nameless", "unversioned"])
def test_no_vdso_function(altered: Path, everything: Path, witness: Witness, how: str) -> None:
    falls_back(witness, "no-vdso", altered, how, everything)


@pytest.mark.parametrize("how", ["refuses", "size=0", "size=145", "size=4065", "size=4096", "size=4294967295"])
def test_parameters_refused_or_unusable(altered: Path, everything: Path, witness: Witness, how: str) -> None:
    falls_back(witness, "no-params", altered, how, everything)


def test_mapping_flags_that_the_kernel_refuses(altered: Path, everything: Path, witness: Witness) -> None:
    falls_back(witness, "no-memory", altered, "flags=0", everything)


def droppable_sizes(smaps: str) -> list[int]:
    """The sizes, in kB, of the mappings that the kernel may drop."""
    mappings = re.findall(r"^Size: +(\d+) kB$|^VmFlags:(.*)$", smaps, re.MULTILINE)
    return [int(size) for (size, _), (_, flags) in zip(mappings[::2], mappings[1::2]) if "dp" in flags.split()]


SLOTS = 10240  # shim/core/slots.h
TAIL = 32  # bytes: struct vgetrandom_tail


@pytest.mark.parametrize(
    ("how", "a_page"),
    [
        ("size=144", 21),  # states in 192 bytes each, as this kernel's own
        ("size=1000", 3),  # in 1088 bytes each
        (f"size={4096 - TAIL}", 1),
        ("flags=0x22", 0),  # private and anonymous, not droppable
    ],
)
def test_parameters_are_used_as_told(altered: Path, witness: Witness, how: str, a_page: int) -> None:
    done = witness.run([altered, how, "/bin/cat", "/proc/self/smaps"])
    pages = -(-SLOTS // a_page) if a_page else 0
    assert droppable_sizes(done.text) == ([4 * pages] if a_page else [])
    assert [process.status for process in done.processes] == ["active"]


def test_the_vdso_is_told_the_size_that_it_asked_for(altered: Path, native: Compile, library: Path) -> None:
    done = alone([altered, "size=1000", native("draw_once")], library)
    assert done.text == "16 errno 0\n1000 errno 0\n"  # the first draw is a system call


def test_an_error_of_the_vdso_is_the_callers(altered: Path, native: Compile, library: Path) -> None:
    """It says what the system call said: EAGAIN for GRND_NONBLOCK, for example."""
    done = alone([altered, "answers=11", native("draw_once")], library)
    assert done.text == "16 errno 0\n-1 errno 11\n"


@pytest.mark.parametrize("error", [EPERM, ENOMEM, ENOSYS])
def test_the_mapping_refused(refusing: Path, everything: Path, witness: Witness, error: int) -> None:
    falls_back(witness, "no-memory", refusing, f"{DROPPABLE}={error}", "--", everything)


def test_who_falls_back_maps_nothing(refusing: Path, library: Path) -> None:
    smaps = alone([refusing, f"{DROPPABLE}=1", "--", "/bin/cat", "/proc/self/smaps"], library).text
    assert "VmFlags:" in smaps
    assert droppable_sizes(smaps) == []


def test_the_record_can_not_be_made_read_only(native: Compile, witness: Witness) -> None:
    """Then no state is used: an attack could redirect the entry point. The page is writable, as the loader left it."""
    calls = trace([native("calls")], LD_PRELOAD=witness.preload())[""]
    loaded = max(at for at, call in enumerate(calls) if call.name == "mmap" and "MAP_ANONYMOUS, -1" in call.rest)
    number = 1 + sum(call.name == "mprotect" for call in calls[:loaded])
    inject = ["strace", "-qq", "-o", "/dev/null", "-e", f"inject=mprotect:error=ENOMEM:when={number}"]
    with tempfile.NamedTemporaryFile() as file:
        preload = ["-E", f"LD_PRELOAD={witness.preload()}", "-E", f"WITNESS={file.name}"]
        done = run([*inject, *preload, native("draw_once")])
        assert done.text == "16 errno 0\n16 errno 0\n"
        (process,) = read_testimony(file.read().decode())
    assert (process.status, process.memory, process.calls, process.slots) == ("no-memory", "none", 0, 0)


# What the first protocol asked the kernel for, and what it asked to have its states named.
@pytest.mark.parametrize(
    "rule", ["getpid=1", "gettid=1", "tgkill=1", "prctl=1", "madvise=1", "futex=1", "rt_sigprocmask=1"]
)
def test_calls_that_it_never_makes_may_be_refused(refusing: Path, native: Compile, witness: Witness, rule: str) -> None:
    done = witness.run([refusing, rule, "--", native("draw_once")])
    assert done.text == "16 errno 0\n16 errno 0\n"
    (process,) = done.processes
    assert (process.status, process.calls, process.slots) == ("active", 1, 1)


# ---- VGETRANDOM ----

OFF = ["off", "OFF", "Off", "0", "no", "false", "disable", "disabled"]
NOT_OFF = ["", ",", "on", "of", "offf", "oFF", "1", "yes", "true", "off ", " off", "nobulk", "off;nobulk", "noo", "00"]


@pytest.mark.parametrize("value", [*OFF, "nobulk,off", "off,nobulk", ",off", "off,", "x,,0,y", "lock,disabled"])
def test_off_in_any_word_for_it_is_off(native: Compile, witness: Witness, value: str) -> None:
    (process,) = witness.run([native("ends")], VGETRANDOM=value).processes
    assert (process.status, process.memory, process.calls, process.slots) == ("off", "none", 0, 0)


def test_off_is_off_in_threads_and_children(everything: Path, witness: Witness) -> None:
    child, parent = serves(witness, everything, VGETRANDOM="off")
    assert (child.status, child.calls, parent.status, parent.calls) == ("off", 0, "off", 0)


@pytest.mark.parametrize("value", NOT_OFF)
def test_other_words_leave_it_on(native: Compile, witness: Witness, value: str) -> None:
    (process,) = witness.run([native("ends")], VGETRANDOM=value).processes
    assert (process.status, process.calls) == ("active", 2)


@pytest.mark.parametrize("name", ["VGETRANDO", "VGETRANDOM2", "XVGETRANDOM"])
def test_variables_with_similar_names_mean_nothing(native: Compile, witness: Witness, name: str) -> None:
    (process,) = witness.run([native("ends")], **{name: "off"}).processes
    assert process.status == "active"


@pytest.mark.parametrize("value", ["lock", "nobulk,lock", "lock,noavx512"])
def test_with_lock_states_are_in_locked_memory(everything: Path, witness: Witness, value: str) -> None:
    child, parent = serves(witness, everything, VGETRANDOM=value)
    assert child.memory == parent.memory == "locked"
    assert child.calls >= 90 and parent.calls > MORE_THAN


def test_with_lock_no_two_processes_draw_the_same(native: Compile, library: Path) -> None:
    done = alone([native("slots_fork"), "fork", "thread"], library, VGETRANDOM="lock")
    assert done.status == 0 and "\nnot ok" not in done.text, done.text


@pytest.mark.parametrize(
    "rule", ["mlock2=1", "mlock2=38", "mlock2=12", "madvise/2/0xffffffff/18=22", "madvise/2/0xffffffff/16=22"]
)
def test_lock_refused_is_droppable_and_says_so(refusing: Path, everything: Path, witness: Witness, rule: str) -> None:
    """By a filter, or a kernel without MADV_WIPEONFORK (18), MADV_DONTDUMP (16) or mlock2."""
    child, parent = serves(witness, refusing, rule, "--", everything, VGETRANDOM="lock")
    assert (child.status, child.memory) == (parent.status, parent.memory) == ("active", "lock-refused")
    assert child.calls >= 90 and parent.calls > MORE_THAN
    smaps = alone([refusing, rule, "--", "/bin/cat", "/proc/self/smaps"], witness.library, VGETRANDOM="lock").text
    assert len(droppable_sizes(smaps)) == 1
    assert not re.search(r"^VmFlags:.* lo\b", smaps, re.MULTILINE), "the locked mapping is gone"


def test_lock_without_a_right_to_lock_memory(native: Compile, witness: Witness, public_folder: Path) -> None:
    """RLIMIT_MEMLOCK 0, for a user who is not root."""
    needs.require("setpriv", "prlimit")
    needs.require_root("to become another user")
    copies = [
        Path(shutil.copy(path, public_folder)) for path in (witness.library, witness.witness, native("draw_once"))
    ]
    told = public_folder / "told"
    preload = ["env", f"LD_PRELOAD={copies[0]}:{copies[1]}", f"WITNESS={told}", "VGETRANDOM=lock", str(copies[2])]
    somebody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"]
    done = run(["prlimit", "--memlock=0:0", *somebody, *preload])
    assert done.text == "16 errno 0\n16 errno 0\n", done.errors
    (process,) = read_testimony(told.read_text())
    assert (process.status, process.memory, process.calls) == ("active", "lock-refused", 1)


NO_GETRANDOM = f"getrandom={ENOSYS}"


@pytest.mark.parametrize("error", [ENOSYS, EPERM])
def test_arc4random_without_getrandom_reads_the_device(
    refusing: Path, native: Compile, library: Path, error: int
) -> None:
    drawn = set()
    for _ in range(2):
        done = alone([refusing, f"getrandom={error}", "--", native("arc4random_only")], library)
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
    done = alone(
        [refusing, NO_GETRANDOM, "openat/2/0xffffffff/0x80100=2", "--", native("arc4random_only"), handling], library
    )
    assert "numbers" not in done.text
    assert done.status == -signal.SIGABRT, (done.status, done.errors)
    assert done.errors.count(b"\n") == 1 and b"arc4random" in done.errors
    assert done.text == ("caught\n" if handling == "catch" else "")


@needs.program("valgrind")
def test_under_valgrind(everything: Path, witness: Witness) -> None:
    """It hides the vDSO, and it would tell of a read of what was never written."""
    command = ["valgrind", "-q", everything]
    falls_back(witness, "no-vdso", *command)
    errors = witness.run(command).errors.decode()
    assert not re.search("ninitialised|Invalid|Jump", errors), errors


@needs.program("qemu-x86_64")
def test_under_qemu_user(everything: Path, witness: Witness) -> None:
    """Its guests have no vDSO, or one without getrandom."""
    with tempfile.NamedTemporaryFile() as file:
        variables = ["-E", f"LD_PRELOAD={witness.preload()}", "-E", f"WITNESS={file.name}"]
        done = run(["qemu-x86_64", *variables, everything])
        assert done.status == 0 and "\nnot ok" not in done.text, done.text + done.errors.decode()
        processes = read_testimony(file.read().decode())
    assert [process.status for process in processes] == ["no-vdso"] * 2
    assert sum(process.calls for process in processes) == 0


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder that another user can enter and write to: pytest's own are private."""
    with tempfile.TemporaryDirectory(prefix="vgetrandom-secure-") as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


@pytest.mark.parametrize("word", ["off", "lock", "nobulk"])
def test_a_set_uid_program_ignores_the_variable(native: Compile, library: Path, public_folder: Path, word: str) -> None:
    needs.require_root("to make a program that is set-uid to somebody else")
    shutil.copy(library, public_folder / "libvgetrandom.so")
    program = public_folder / "secure"
    linked = native(
        "secure", f"-Wl,-rpath,{public_folder}", "-L", library.parent, "-lvgetrandom", output=f"secure.{word}"
    )
    shutil.copy(linked, program)
    environment = {**os.environ, "VGETRANDOM": word}

    def output() -> str:
        return subprocess.run([program], env=environment, capture_output=True, text=True, check=True).stdout

    said = {"off": "status 2 memory 0 bulk 0", "lock": "status 1 memory 2 bulk 1", "nobulk": "status 1 memory 1 bulk 0"}
    assert output() == f"secure 0 {said[word]}\n"
    os.chown(program, 65534, 65534)
    program.chmod(0o6755)
    secure = output()
    if secure.startswith("secure 0"):
        needs.another_host("with set-uid programs in the temporary folder")
    assert secure == "secure 1 status 1 memory 1 bulk 1\n"


def test_a_program_without_libc_is_unharmed(native: Compile, library: Path) -> None:
    """It has a loader, and so the library, but nobody who knows errno or the environment."""
    if os.uname().machine != "x86_64":
        needs.another_host("with an x86-64 processor")
    bare = ["-nostdlib", "-pie", "-fPIE", "-Wl,--no-as-needed", "-Wl,--dynamic-linker=/lib64/ld-linux-x86-64.so.2"]
    program = native("no_libc", *bare, "-Wl,--as-needed")
    done = alone([program], library)
    assert (done.status, done.output, done.errors) == (42, b"", b"")
