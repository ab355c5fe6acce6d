"""libvgetrandom-report.so neither stops, kills nor changes a program, whatever becomes of the line."""

from __future__ import annotations

import errno
import fcntl
import os
import resource
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import needs
import pytest
from conftest import Compile
from elftools.elf.elffile import ELFFile
from preloading import read_reports, run, with_reporter

SECONDS = 60  # a program that the reporter stops would run for ever


@dataclass(frozen=True)
class Reported:
    """Runs a program with the stand-in for the main library and the reporter."""

    program: Path
    preload: str

    def run(
        self, *arguments: object, destination: str, compiled: Path | None = None, **how: Any
    ) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "LD_PRELOAD": self.preload, "VGETRANDOM_REPORT": destination, **how.pop("set", {})}
        words = [str(compiled or self.program), *map(str, arguments)]
        return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=SECONDS, **how)


@pytest.fixture
def reporter(library: Path) -> Path:
    return Path(with_reporter(library).split(":")[1])


@pytest.fixture
def reported(native: Compile, reporter: Path) -> Reported:
    standin = native("standin", "-shared", "-fPIC", "-Wl,--hash-style=both", output="standin.so")
    return Reported(native("report_ends"), f"{standin}:{reporter}")


@pytest.fixture
def watched(native: Compile, reported: Reported) -> Reported:
    """The same, with a library behind the reporter that says what it finds when `_exit` is handed on, and adds one."""
    behind = native("next_exit", "-shared", "-fPIC", output="next_exit.so")
    return Reported(reported.program, f"{reported.preload}:{behind}")


UNCHANGED = "errno 77, pending 0 0, blocked 0 0, waits {waits}\n"


def unchanged(done: subprocess.CompletedProcess[str], waits: bool = False) -> bool:
    """Whether the program ended with its status, handed on, and with the signals, errno and descriptor that it had."""
    assert (done.returncode, done.stderr) == (8, UNCHANGED.format(waits=int(waits)))
    return True


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "report"
    path.touch()
    return path


def test_exit_is_handed_on_to_who_comes_next(watched: Reported, file: Path) -> None:
    assert unchanged(watched.run("leave", destination=str(file)))
    assert [report.calls for report in read_reports(file.read_text())] == [12]


def test_exit_is_not_handed_back_to_who_came_before(native: Compile, reported: Reported, file: Path) -> None:
    front = native("front_exit", "-shared", "-fPIC", output="front_exit.so")
    done = Reported(reported.program, f"{front}:{reported.preload}").run("leave", destination=str(file))
    assert done.returncode == 8
    assert [report.calls for report in read_reports(file.read_text())] == [12]


@pytest.mark.parametrize("how", ["return", "_exit"])
def test_a_program_with_gccs_thread_sanitizer_keeps_its_status(
    native: Compile, library: Path, tmp_path: Path, how: str
) -> None:
    program = native("races", "-fsanitize=thread", output="races.tsan")
    arguments = [how] if how == "_exit" else []
    plain = run([program, *arguments])
    if plain.status != 66:
        needs.another_host(f"on which the sanitizer runs: {plain.errors[-200:]!r}")
    assert run([program, *arguments], library).status == 66


def test_a_fifo_without_a_reader_costs_the_line_alone(watched: Reported, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    assert unchanged(watched.run("leave", destination=str(fifo)))


@pytest.fixture
def full_pipe() -> Iterator[tuple[int, int]]:
    """(read end, write end) of a pipe that takes nothing more and waits."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    try:
        while True:
            os.write(writing, b"x")
    except BlockingIOError:
        pass
    os.set_blocking(writing, True)
    yield reading, writing
    os.close(reading)
    os.close(writing)


def test_a_full_pipe_costs_the_line_alone(watched: Reported, full_pipe: tuple[int, int]) -> None:
    _, writing = full_pipe
    done = watched.run("leave", destination=f"fd:{writing}", pass_fds=[writing], set={"NEXT_EXIT_FD": str(writing)})
    assert unchanged(done, waits=True)
    assert not fcntl.fcntl(writing, fcntl.F_GETFL) & os.O_NONBLOCK


def test_a_full_fifo_costs_the_line_alone(watched: Reported, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    end = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
    try:
        while os.write(end, b"x"):
            pass
    except BlockingIOError:
        pass
    assert unchanged(watched.run("leave", destination=str(fifo)))
    os.close(end)


def test_a_pipe_that_nobody_reads_raises_no_signal(watched: Reported) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = watched.run("leave", destination=f"fd:{writing}", pass_fds=[writing], restore_signals=True)
    os.close(writing)
    assert unchanged(done)


def test_a_socket_that_nobody_reads_raises_no_signal(watched: Reported) -> None:
    ours, theirs = socket.socketpair()
    ours.close()
    assert unchanged(watched.run("leave", destination=f"fd:{theirs.fileno()}", pass_fds=[theirs.fileno()]))
    theirs.close()


def test_a_full_socket_costs_the_line_alone(watched: Reported) -> None:
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    with pytest.raises(BlockingIOError):
        while True:
            theirs.send(b"x" * 1024)
    theirs.setblocking(True)
    assert unchanged(watched.run("leave", destination=f"fd:{theirs.fileno()}", pass_fds=[theirs.fileno()]))
    ours.close()
    theirs.close()


def test_a_limit_on_the_size_of_files_raises_no_signal(watched: Reported, file: Path) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

    done = watched.run("leave", destination=str(file), preexec_fn=limit)
    assert unchanged(done)
    assert file.read_text() == ""


@needs.host(os.access("/dev/full", os.W_OK), "with /dev/full")
def test_a_full_disk_costs_the_line_alone(watched: Reported) -> None:
    assert unchanged(watched.run("leave", destination="/dev/full"))


def test_a_terminal_that_is_stopped_costs_the_line_alone(watched: Reported) -> None:
    import pty
    import termios

    ours, theirs = pty.openpty()
    termios.tcflow(theirs, termios.TCOOFF)
    assert unchanged(watched.run("leave", destination=f"fd:{theirs}", pass_fds=[theirs]))
    os.close(ours)
    os.close(theirs)


def test_a_descriptor_that_is_another_files_by_now_is_left_alone(
    reported: Reported, file: Path, tmp_path: Path
) -> None:
    with file.open("w") as target:
        number = target.fileno()
        assert (
            reported.run("reuse", number, destination=f"fd:{number}", pass_fds=[number], cwd=tmp_path).returncode == 7
        )
    assert (tmp_path / "data").read_text() == "DATA"
    assert file.read_text() == ""


@pytest.mark.parametrize("kind", ["file", "pipe", "socket", "terminal"])
def test_a_descriptor_can_be_named(reported: Reported, file: Path, kind: str) -> None:
    reading, writing = _open_pair(kind, file)
    assert reported.run("return", destination=f"fd:{writing}", pass_fds=[writing]).returncode == 7
    assert [report.calls for report in read_reports(os.read(reading, 4096).decode())] == [12]
    os.close(reading)
    os.close(writing)


def _open_pair(kind: str, file: Path) -> tuple[int, int]:
    if kind == "file":
        return os.open(file, os.O_RDONLY), os.open(file, os.O_WRONLY)
    if kind == "pipe":
        return os.pipe()
    if kind == "socket":
        ours, theirs = socket.socketpair()
        return ours.detach(), theirs.detach()
    return os.openpty()


def test_a_named_file_that_the_program_writes_as_well_keeps_all(reported: Reported, file: Path) -> None:
    """Through the same open file: neither overwrites what the other wrote."""
    line = 'echo before; "$0" return; echo after'
    with file.open("w") as output:
        environment = {**os.environ, "VGETRANDOM_REPORT": "fd:1"}
        words = ["sh", "-c", line.replace('"$0"', f'LD_PRELOAD={reported.preload} "$0"'), reported.program]
        subprocess.run(words, env=environment, stdout=output, timeout=SECONDS, check=True)
    before, report, after = file.read_text().splitlines()
    assert (before, after, read_reports(report)[0].calls) == ("before", "after", 12)


@pytest.mark.parametrize("compiler", ["gcc", "musl-gcc"])
def test_a_vfork_childs_end_is_not_its_processs(native: Compile, reporter: Path, file: Path, compiler: str) -> None:
    """A shell's subshell that has not drawn, and a command in it that can't be executed."""
    program = native("report_ends", compiler=compiler)
    alone = Reported(program, str(reporter))
    assert alone.run("vfork-in-child", destination=str(file)).returncode == 0
    reports = read_reports(file.read_text())
    assert len(reports) == len({report.pid for report in reports}) == 2


def test_a_vfork_child_is_known_where_the_kernel_may_not_be_asked(
    native: Compile, reported: Reported, file: Path
) -> None:
    """Container engines refuse kcmp."""
    words = ("kcmp=1", "--", reported.program, "vfork-in-child")
    assert reported.run(*words, compiled=native("refusing"), destination=str(file)).returncode == 0
    assert len(read_reports(file.read_text())) == 2


@pytest.mark.parametrize("compiler", ["gcc", "musl-gcc"])
def test_a_child_that_libc_does_not_know_of_reports_too(
    native: Compile, reporter: Path, file: Path, compiler: str
) -> None:
    alone = Reported(native("report_ends", compiler=compiler), str(reporter))
    assert alone.run("raw-fork", destination=str(file)).returncode == 0
    assert len({report.pid for report in read_reports(file.read_text())}) == 2


def test_a_program_that_has_confined_itself_is_not_killed(native: Compile, reporter: Path, file: Path) -> None:
    """Its filter kills for all that a line takes: it costs the line."""
    alone = Reported(native("report_confined"), str(reporter))
    assert alone.run("stray", destination="").returncode == -signal.SIGSYS, "the filter does not bite"
    assert alone.run(destination=str(file)).returncode == 7
    assert file.read_text() == ""


@pytest.mark.parametrize("compiler", ["gcc", "musl-gcc"])
def test_prctl_is_handed_on(native: Compile, reporter: Path, file: Path, compiler: str) -> None:
    alone = Reported(native("report_ends", compiler=compiler), str(reporter))
    assert alone.run("name", destination=str(file)).returncode == 7
    assert len(read_reports(file.read_text())) == 1


def test_an_exit_in_another_thread_reports(reported: Reported, file: Path) -> None:
    assert reported.run("thread", destination=str(file)).returncode == 7
    assert len(read_reports(file.read_text())) == 1


@pytest.mark.parametrize(
    "target",
    ["", "fd:", "fd:-1", "fd:99", "fd:99999999999999999999", "fd:1x", "/nowhere/at/all", "/", "x" * 5000, "fd", "new"],
)
@pytest.mark.parametrize("how", ["return", "leave"])
def test_what_can_not_be_written_to_disturbs_nothing(
    reported: Reported, tmp_path: Path, file: Path, target: str, how: str
) -> None:
    """Nor does it write to its standard input, which `fd:` with nothing behind it might be taken for."""
    with file.open("r+") as stdin:
        done = reported.run(how, destination=target, cwd=tmp_path, stdin=stdin)
    assert (done.returncode, done.stdout, done.stderr) == (7, "", "")
    assert list(tmp_path.iterdir()) == [file] and file.read_text() == ""


def test_without_the_variable_nothing_is_written(reported: Reported, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "VGETRANDOM_REPORT"}
    environment["LD_PRELOAD"] = reported.preload
    done = subprocess.run([reported.program, "leave"], env=environment, cwd=tmp_path, capture_output=True)
    assert (done.returncode, done.stdout, done.stderr, list(tmp_path.iterdir())) == (7, b"", b"", [])


def test_a_program_that_clears_its_environment_or_descriptors_still_reports(native: Compile, library: Path) -> None:
    for how in ("clearenv", "closed"):
        assert len(run([native("ends"), how], library).reports) == 1


def test_a_relative_path_is_one_from_where_the_program_began(native: Compile, library: Path, tmp_path: Path) -> None:
    (tmp_path / "here.jsonl").touch()
    assert run([native("ends"), "chdir"], library, cwd=tmp_path, VGETRANDOM_REPORT="here.jsonl").status == 0
    assert len(read_reports((tmp_path / "here.jsonl").read_text())) == 1


def test_many_processes_at_once_leave_whole_lines(reported: Reported, file: Path) -> None:
    environment = {**os.environ, "LD_PRELOAD": reported.preload, "VGETRANDOM_REPORT": str(file)}
    script = 'for i in 1 2 3 4 5 6 7 8 9 10; do "$0" x & "$0" x & "$0" x & "$0" x & done; wait'
    subprocess.run(["bash", "-c", script, reported.program], env=environment, check=True, timeout=SECONDS)
    assert len(read_reports(file.read_text())) == 41


def test_errno_is_left_alone(native: Compile, library: Path) -> None:
    assert run([native("ends"), "errno"], library).status == 77


@needs.program("strace")
def test_without_the_variable_it_makes_no_system_call(reported: Reported, reporter: Path, tmp_path: Path) -> None:
    """Neither after load nor at the end."""
    log = tmp_path / "log"
    environment = {name: value for name, value in os.environ.items() if name != "VGETRANDOM_REPORT"}

    def calls(*preload: str) -> list[str]:
        words = ["strace", "-qq", "-o", log, *preload, reported.program, "leave"]
        subprocess.run(words, env=environment, timeout=SECONDS)
        lines = log.read_text().splitlines()
        end = max(number for number, line in enumerate(lines) if line.startswith("munmap("))
        return [line.split("(")[0] for line in lines[end:]]

    assert calls("-E", f"LD_PRELOAD={reporter}") == calls()


def test_the_file_needs_no_other_library_and_no_version(reporter: Path) -> None:
    """It loads under glibc 2.17 and musl: what it takes from libc is old, and weak."""
    with reporter.open("rb") as stream:
        elf = ELFFile(stream)
        tags = {str(tag.entry.d_tag) for tag in elf.get_section_by_name(".dynamic").iter_tags()}
        symbols = [symbol for symbol in elf.get_section_by_name(".dynsym").iter_symbols() if symbol.name]
    undefined = {symbol.name: symbol["st_info"]["bind"] for symbol in symbols if symbol["st_shndx"] == "SHN_UNDEF"}
    assert not tags & {"DT_NEEDED", "DT_VERNEED", "DT_VERDEF", "DT_TEXTREL"}
    assert set(undefined) == {"dl_iterate_phdr", "environ", "getauxval", "pthread_getcpuclockid", "pthread_self"}
    assert set(undefined.values()) == {"STB_WEAK"}
    assert {symbol.name for symbol in symbols} - set(undefined) == {"_exit", "_Exit", "prctl"}


def test_errors_are_those_that_a_pipe_has() -> None:
    """What the signals above stand for, so that the tests mean something: an ordinary write does raise them."""
    reading, writing = os.pipe()
    os.close(reading)
    with pytest.raises(BrokenPipeError) as raised:
        os.write(writing, b"x")
    os.close(writing)
    assert raised.value.errno == errno.EPIPE
