"""`vgetrandom check`: what it counts is true, and its verdict follows."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import needs
import pytest
from command import Vgetrandom, command_line, environment_with, one_line
from drawing import draws

needs_strace = needs.program("strace")
DRAWS = 500
DRAW = draws(DRAWS)
FEW = 20  # system calls that remain: libc's own, and the vDSO's reseeding


@pytest.fixture
def bin_without_strace(tmp_path: Path) -> str:
    """A PATH with a shell and nothing else."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "sh").symlink_to("/bin/sh")
    return str(folder)


def check(vgetrandom: Vgetrandom, *words: object, status: int = 0, **how: Any) -> dict[str, Any]:
    """The JSON of `check --reached`, once its exit status is as expected. test_gain.py asks what is gained."""
    result = vgetrandom("check", "--json", "--reached", *words, **how)
    assert result.returncode == status, result.stdout + result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    assert found["schema"] == 3
    assert found["good"] == (status == 0)
    assert found["gain"] is None
    return found


@needs_strace
def test_system_calls_become_few(vgetrandom: Vgetrandom) -> None:
    found = check(vgetrandom, "--", sys.executable, "-c", DRAW)
    assert DRAWS <= found["without"]["system_calls"] < DRAWS + FEW
    assert found["with"]["system_calls"] < FEW
    assert DRAWS <= found["with"]["calls"] < DRAWS + FEW
    assert found["with"]["bytes"] >= 16 * DRAWS
    assert found["with"]["reports"] == found["with"]["processes"] == 1
    assert found["without"]["seconds"] > 0 and found["with"]["seconds"] > 0


@needs_strace
def test_last_line_is_the_verdict(vgetrandom: Vgetrandom) -> None:
    result = vgetrandom("check", "--reached", "--", sys.executable, "-c", DRAW)
    words = result.stdout.splitlines()[-1].split()
    assert words[:2] == ["yes:", "reached:"] and words[3:6] == ["system", "calls", "became"]
    assert int(words[2].replace(",", "")) >= DRAWS
    assert int(words[6]) < FEW
    assert "wall time" in result.stdout


@needs_strace
def test_whole_process_tree_is_counted(vgetrandom: Vgetrandom) -> None:
    code = f"""
import multiprocessing, subprocess, sys, threading
def draw():
    {DRAW}
threads = [threading.Thread(target=draw) for _ in range(3)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
child = multiprocessing.get_context("fork").Process(target=draw)
child.start()
child.join()
subprocess.run([sys.executable, "-c", {DRAW!r}], check=True)
"""
    found = check(vgetrandom, "--", sys.executable, "-c", code)
    assert 5 * DRAWS <= found["without"]["system_calls"] < 5 * DRAWS + 2 * FEW
    assert found["with"]["system_calls"] < 2 * FEW
    first_draws = 5  # at most: of the two programs and the three threads; a thread that gets another's state has none
    assert 5 * DRAWS - first_draws <= found["with"]["calls"] < 5 * DRAWS + 2 * FEW
    assert found["with"]["processes"] == found["without"]["processes"] == 3
    assert found["with"]["slots"] >= 3


@needs_strace
def test_process_that_left_no_report_is_counted(vgetrandom: Vgetrandom) -> None:
    code = f"import os, signal; pid = os.fork(); {DRAW}; os.kill(os.getpid(), signal.SIGKILL) if not pid else os.wait()"
    found = check(vgetrandom, "--", sys.executable, "-c", code)
    assert (found["with"]["processes"], found["with"]["reports"], found["with"]["silent_processes"]) == (2, 1, 1)
    assert any("left no report" in note for note in found["notes"])


@needs_strace
def test_only_process_killed_is_judged_by_the_kernels_count(vgetrandom: Vgetrandom) -> None:
    found = check(vgetrandom, "--", sys.executable, "-c", f"import os; {DRAW}; os.kill(os.getpid(), 9)")
    assert found["without"]["signal"] == found["with"]["signal"] == "SIGKILL"
    assert found["with"]["reports"] == 0
    assert "system calls became" in found["verdict"]


@needs_strace
def test_command_that_draws_nothing_is_no(vgetrandom: Vgetrandom) -> None:
    found = check(vgetrandom, "--", "sh", "-c", ":", status=1)
    assert found["with"]["calls"] == 0
    assert "asks for no random bytes" in found["verdict"]


@needs_strace
def test_static_command_is_no_and_says_why(vgetrandom: Vgetrandom, tmp_path: Path) -> None:
    source, program = tmp_path / "static.c", tmp_path / "static"
    source.write_text("#include <sys/random.h>\nint main(void) { int n; return getrandom(&n, 4, 0) != 4; }\n")
    subprocess.run(["gcc", "-static", "-o", program, source], check=True)
    found = check(vgetrandom, "--", program, status=1)
    assert found["without"]["system_calls"] >= 1
    assert "statically linked" in found["verdict"]


MODULES = ("vgetrandom", "elftools", "rich", "markdown_it", "mdurl", "pygments", "typing_extensions")
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


def for_everybody(folder: Path) -> str:
    """A Python that any user can start, which may not be ours. The command's modules are copied into the folder."""
    for name in MODULES:
        found = importlib.util.find_spec(name)
        if found and found.submodule_search_locations:
            shutil.copytree(found.submodule_search_locations[0], folder / name)
        elif found and found.origin:
            shutil.copy(found.origin, folder)
    old = "import sys; sys.exit(sys.version_info < (3, 9))"
    # A link that leads to where only root may look runs another one, or none, when it starts itself.
    again = "import subprocess, sys; sys.exit(subprocess.run([sys.argv[1], '-c', '']).returncode)"
    pythons = [
        python
        for python in (sys.executable, "/usr/bin/python3")
        if all(
            subprocess.run([*NOBODY, python, "-c", code, python], capture_output=True).returncode == 0
            for code in (old, again)
        )
    ]
    if not pythons:
        needs.skip("this Python is root's alone", needs.install("python3"))
    return pythons[0]


@needs.program("setpriv", "gcc")
@needs.root("to become another user")
@pytest.mark.parametrize("ordinary", [False, True])
def test_set_uid_command_is_judged_as_an_ordinary_user_meets_it(library: Path, ordinary: bool) -> None:
    """strace drops the bit, and root's runs are not raised: in both the library is there, and is not for others."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        if os.statvfs(folder).f_flag & os.ST_NOSUID:
            needs.another_host("with set-uid programs in /var/tmp")
        (folder / "draw.c").write_text(
            "#include <sys/random.h>\nint main(void) { for (int n, i = 0; i < 500; i++) getrandom(&n, 4, 0); }\n"
        )
        subprocess.run(["gcc", "-o", folder / "draw", folder / "draw.c"], check=True)
        (folder / "draw").chmod(0o4755)
        words = command_line("check", "--json", "--reached", "--", folder / "draw")
        environment = environment_with(library)
        if ordinary:
            for path in (library, library.with_name("libvgetrandom-report.so")):
                shutil.copyfile(path, folder / path.name)
            (folder / "tmp").mkdir()
            (folder / "tmp").chmod(0o1777)
            words = [*NOBODY, for_everybody(folder), *words[1:]]
            own = {"PYTHONPATH": name, "PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": f"{name}/tmp", "HOME": "/nonexistent"}
            environment = environment_with(folder / library.name, **own)
        done = subprocess.run(words, env=environment, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 1, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert not found["reached"]
    assert found["verdict"].startswith("no: not reached: the program is set-uid: the loader ignores LD_PRELOAD there")


@needs_strace
def test_opening_of_the_random_device_is_told(vgetrandom: Vgetrandom) -> None:
    found = check(vgetrandom, "--", sys.executable, "-c", f"open('/dev/urandom', 'rb').read(1); {DRAW}")
    assert found["with"]["random_device_opens"] == 1
    assert any("/dev/urandom" in note for note in found["notes"])


def test_other_exit_status_with_the_library_is_no(vgetrandom: Vgetrandom) -> None:
    found = check(vgetrandom, "--", sys.executable, "-c", f"{DRAW}; exit('LD_PRELOAD' in os.environ)", status=1)
    assert (found["without"]["exit_status"], found["with"]["exit_status"]) == (0, 1)
    assert found["verdict"].startswith("no: with the library the command ends with exit status 1")


def test_death_by_signal_with_the_library_is_no(vgetrandom: Vgetrandom) -> None:
    found = check(vgetrandom, "--", "sh", "-c", '[ -z "$LD_PRELOAD" ] || kill -SEGV $$', status=1)
    assert found["with"]["signal"] == "SIGSEGV"
    assert "SIGSEGV" in found["verdict"]


def test_command_that_fails_either_way_can_be_yes(vgetrandom: Vgetrandom) -> None:
    found = check(vgetrandom, "--", sys.executable, "-c", f"{DRAW}; exit('it failed here')")
    assert found["without"]["exit_status"] == found["with"]["exit_status"] == 1
    assert any("it failed here" in note for note in found["notes"])


def test_library_already_in_the_environment_is_left_out_of_the_first_runs(
    vgetrandom: Vgetrandom, library: Path
) -> None:
    code = f"{DRAW}; exit('libvgetrandom' in open('/proc/self/maps').read())"
    found = check(vgetrandom, "--", sys.executable, "-c", code, status=1, LD_PRELOAD=str(library), VGETRANDOM="off")
    assert (found["without"]["exit_status"], found["with"]["exit_status"]) == (0, 1)


def test_settings_in_the_environment_do_not_switch_the_library_off(vgetrandom: Vgetrandom) -> None:
    found = check(vgetrandom, "--", sys.executable, "-c", DRAW, VGETRANDOM="off", VGETRANDOM_REPORT="/dev/null")
    assert found["with"]["calls"] >= DRAWS


@needs.root("to become another user")
def test_process_that_became_another_user_still_reports(vgetrandom: Vgetrandom) -> None:
    found = check(vgetrandom, "--", sys.executable, "-c", f"{DRAW}; os.setgid(65534); os.setuid(65534)")
    assert found["with"]["reports"] == 1


def test_standard_input_is_given_to_every_run(vgetrandom: Vgetrandom) -> None:
    code = f"import sys; {DRAW}; exit(sys.stdin.read() != 'hello')"
    found = check(vgetrandom, "--", sys.executable, "-c", code, input="hello")
    assert found["without"]["exit_status"] == found["with"]["exit_status"] == 0


def test_once_runs_the_command_once_with_the_library(vgetrandom: Vgetrandom, tmp_path: Path) -> None:
    code = f"{DRAW}; open('runs', 'a').write(os.environ['LD_PRELOAD'] + '\\n')"
    found = check(vgetrandom, "--once", "--", sys.executable, "-c", code, cwd=tmp_path)
    assert len((tmp_path / "runs").read_text().splitlines()) == 1
    assert found["without"] is None
    assert found["with"]["calls"] >= DRAWS


def test_without_strace_the_rest_is_done_and_the_way_to_get_it_told(
    vgetrandom: Vgetrandom, bin_without_strace: str
) -> None:
    found = check(vgetrandom, "--", sys.executable, "-c", DRAW, PATH=bin_without_strace)
    assert found["with"]["system_calls"] is found["without"]["system_calls"] is None
    assert found["with"]["calls"] >= DRAWS
    assert found["with"]["seconds"] > 0
    assert any("apt-get install strace" in note for note in found["notes"])


def test_strace_that_may_not_trace_is_told(vgetrandom: Vgetrandom, bin_without_strace: str) -> None:
    strace = Path(bin_without_strace, "strace")
    strace.write_text("#!/bin/sh\necho 'strace: ptrace(PTRACE_TRACEME, ...): Operation not permitted' >&2\nexit 1\n")
    strace.chmod(0o755)
    found = check(vgetrandom, "--", sys.executable, "-c", DRAW, PATH=bin_without_strace)
    assert any("Operation not permitted" in note and "SYS_PTRACE" in note for note in found["notes"])


@needs_strace
def test_unset_path_is_no_missing_right(vgetrandom: Vgetrandom) -> None:
    """strace looks for what it runs by itself, and finds nothing there."""
    found = check(
        vgetrandom, "--", "sh", "-c", f"{shlex.quote(sys.executable)} -c '{DRAW}'; exit $((3 + $#))", PATH=None
    )
    assert found["without"]["system_calls"] >= DRAWS
    assert not any("strace" in note for note in found["notes"])
    assert found["with"]["exit_status"] == 3


def test_command_for_ever_is_ended_by_the_time_limit(vgetrandom: Vgetrandom) -> None:
    start = time.monotonic()
    code = f"import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); {DRAW}; time.sleep(600)"
    found = check(vgetrandom, "--timeout", "4", "--", sys.executable, "-c", code)
    assert time.monotonic() - start < 60
    assert found["with"]["calls"] >= DRAWS
    assert any("time limit" in note for note in found["notes"])


@needs_strace
def test_fewer_calls_before_the_time_limit_are_no_gain(vgetrandom: Vgetrandom) -> None:
    """How far a run had come when it was ended makes a difference that is not the library's."""
    line = '[ "$LD_PRELOAD" ] && n="1 2 3" || n="1 2 3 4"; for i in $n; do sleep 0; done; exec sleep 600'
    found = check(vgetrandom, "--timeout", "4", "--", "sh", "-c", line, status=1)
    if found["without"]["system_calls"] < 4:
        needs.another_host("whose libc makes a getrandom system call at start")
    assert found["with"]["system_calls"] == found["without"]["system_calls"] - 1
    assert found["with"]["calls"] == 0


def test_command_that_ignores_sigterm_is_killed(vgetrandom: Vgetrandom) -> None:
    code = f"import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); {DRAW}; time.sleep(600)"
    found = check(vgetrandom, "--once", "--timeout", "1", "--", sys.executable, "-c", code, status=1)
    assert found["with"]["signal"] == "SIGKILL"


def test_interrupt_ends_the_runs_and_the_verdict_is_given(library: Path, tmp_path: Path) -> None:
    code = f"{DRAW}; import time; print('up', file=open('up', 'a'), flush=True); time.sleep(600)"
    process = subprocess.Popen(
        command_line("check", "--json", "--", sys.executable, "-c", code),
        env=environment_with(library),
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    for run in (1, 2):
        _wait_for_lines(tmp_path / "up", run)
        process.send_signal(signal.SIGINT)
        if not shutil.which("strace"):
            break
    output, errors = process.communicate(timeout=60)
    assert f"kill {process.pid} ends the rest".encode() in errors
    found = json.loads(output)
    assert found["with"]["signal"] == "SIGINT" or found["with"]["exit_status"] == 130
    assert any("Ctrl-C" in note for note in found["notes"])


def _wait_for_lines(path: Path, lines: int) -> None:
    limit = time.monotonic() + 60
    while not path.exists() or len(path.read_text().splitlines()) < lines:
        assert time.monotonic() < limit
        time.sleep(0.05)


@needs_strace
def test_process_left_in_the_background_is_ended_and_told(vgetrandom: Vgetrandom) -> None:
    line = (
        f"{shlex.quote(sys.executable)} -c 'import time; time.sleep(600)' & {shlex.quote(sys.executable)} -c '{DRAW}'"
    )
    found = check(vgetrandom, "--", "sh", "-c", line)
    assert any("left 1 process running" in note for note in found["notes"])
    assert found["with"]["calls"] >= DRAWS


@needs_strace
def test_process_left_by_a_parent_that_is_gone_is_ended_though_it_never_drew(vgetrandom: Vgetrandom) -> None:
    """Neither the trace nor its ancestry tells of it."""
    code = f"import os, time; {DRAW}; os.fork() or os.fork() or time.sleep(600); os._exit(0)"
    start = time.monotonic()
    found = check(vgetrandom, "--", sys.executable, "-c", code)
    assert time.monotonic() - start < 120
    assert any("left 1 process running" in note for note in found["notes"])


SANDBOXED = """
import ctypes, os, platform, struct
numbers = {"x86_64": (257, 2), "aarch64": (56,), "riscv64": (56,)}.get(platform.machine())
if not numbers:
    raise SystemExit("unknown machine")
def step(code, yes, no, value):
    return struct.pack("HBBI", code, yes, no, value)
program = step(0x20, 0, 0, 0)  # load the call's number
for number in numbers:  # openat, open: kill the process
    program += step(0x15, 0, 1, number) + step(0x06, 0, 0, 0x80000000)
program += step(0x06, 0, 0, 0x7FFF0000)  # anything else is allowed
buffer = ctypes.create_string_buffer(program)
class Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("steps", ctypes.c_void_p)]
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.byref(Filter(len(program) // 8, ctypes.addressof(buffer))), 0, 0) == 0
drawn = ctypes.create_string_buffer(16)
for _ in range(500):
    libc.getentropy(drawn, 16)
os._exit(0)
"""


@needs_strace
def test_sandbox_that_forbids_the_report_is_left_in_peace(vgetrandom: Vgetrandom) -> None:
    found = check(vgetrandom, "--", sys.executable, "-c", SANDBOXED)
    assert found["without"]["exit_status"] == found["with"]["exit_status"] == 0
    assert (found["with"]["reports"], found["with"]["silent_processes"]) == (0, 1)
    assert any("left no report" in note for note in found["notes"])
    assert not any("SIGSYS" in note for note in found["notes"])
    assert "system calls became" in found["verdict"]


@needs_strace
@needs.root("to install a filter without a word that prctl would hear")
def test_sandbox_that_was_not_seen_is_recognised(vgetrandom: Vgetrandom) -> None:
    code = SANDBOXED.replace("assert libc.prctl(38, 1, 0, 0, 0) == 0", "")
    number = {"x86_64": 317, "aarch64": 277, "riscv64": 277}[platform.machine()]
    code = code.replace("libc.prctl(22, 2,", f"libc.syscall({number}, 1, 0,").replace("0, 0) == 0", "0) == 0")
    found = check(vgetrandom, "--", sys.executable, "-c", code)
    assert found["without"]["exit_status"] == found["with"]["exit_status"] == 0
    assert found["with"]["reports"] == 0
    assert any("SIGSYS" in note and "report" in note for note in found["notes"])
    assert "system calls became" in found["verdict"]


@needs_strace
def test_random_bytes_are_not_shown_to_strace(vgetrandom: Vgetrandom, tmp_path: Path) -> None:
    """strace must be told to leave the buffers alone: a trace is no place for keys."""
    spy, log = tmp_path / "bin" / "strace", tmp_path / "log"
    spy.parent.mkdir()
    spy.write_text(f'#!/bin/sh\necho "$@" >>{log}\nexec {shutil.which("strace")} "$@"\n')
    spy.chmod(0o755)
    check(vgetrandom, "--", sys.executable, "-c", DRAW, PATH=f"{spy.parent}:{os.environ['PATH']}")
    assert all("raw=getrandom" in line for line in log.read_text().splitlines())


def test_missing_program_is_2(vgetrandom: Vgetrandom) -> None:
    result = vgetrandom("check", "--", "no-such-program")
    assert result.returncode == 2
    assert one_line(result)


def test_file_that_is_not_executable_is_2(vgetrandom: Vgetrandom, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("data")
    result = vgetrandom("check", "--", tmp_path / "data")
    assert result.returncode == 2
    assert one_line(result)


@pytest.mark.parametrize("once", [(), ("--once",)])
def test_damaged_program_is_2(vgetrandom: Vgetrandom, tmp_path: Path, once: tuple[str, ...]) -> None:
    path = tmp_path / "damaged"
    path.write_bytes(b"\x7fELF" + bytes(100))
    path.chmod(0o755)
    result = vgetrandom("check", *once, "--", path)
    assert result.returncode == 2
    assert "can't be run here" in one_line(result)


@pytest.mark.parametrize("words", [("--timeout", "soon"), ("--bad",)])
def test_wrong_options_are_2(vgetrandom: Vgetrandom, words: tuple[str, ...]) -> None:
    assert vgetrandom("check", *words, "--", "true").returncode == 2


def test_nothing_to_check_is_2(vgetrandom: Vgetrandom) -> None:
    result = vgetrandom("check")
    assert result.returncode == 2
    assert "nothing to run" in one_line(result)
