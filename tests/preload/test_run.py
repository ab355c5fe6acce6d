"""`vgetrandom run`: the command is exactly what it would be without it, but for the library."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import needs
import pytest
from command import Vgetrandom, command_line, environment_with, one_line
from vgetrandom.preload.launch import without_library
from vgetrandom.preload.settings import says_off

DRAW = "import os; os.urandom(16)"


@pytest.fixture
def static_program(tmp_path: Path) -> Path:
    program = tmp_path / "static"
    source = tmp_path / "static.c"
    source.write_text("int main(void) { return 5; }\n")
    subprocess.run(["gcc", "-static", "-o", program, source], check=True)
    return program


def script(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o755)
    return path


def served(report: Path) -> int:
    return sum(json.loads(line)["calls"] for line in report.read_text().splitlines())


def test_exit_status_is_the_commands_own(vgetrandom: Vgetrandom) -> None:
    assert vgetrandom("run", "--", "sh", "-c", "exit 7").returncode == 7


def test_signal_that_ends_the_command_ends_run(vgetrandom: Vgetrandom) -> None:
    assert vgetrandom("run", "--", "sh", "-c", "kill -TERM $$").returncode == -signal.SIGTERM


def test_signal_sent_to_run_reaches_the_command(library: Path) -> None:
    code = "import signal as s, sys; s.signal(s.SIGUSR1, lambda *_: sys.exit(9)); print('up', flush=True); s.pause()"
    process = subprocess.Popen(
        command_line("run", "--", sys.executable, "-c", code), env=environment_with(library), stdout=subprocess.PIPE
    )
    with process:
        assert process.stdout
        assert process.stdout.readline() == b"up\n"
        process.send_signal(signal.SIGUSR1)
        assert process.wait(30) == 9


def test_process_is_replaced_not_wrapped(library: Path) -> None:
    process = subprocess.Popen(
        command_line("run", "--", "sh", "-c", "echo $$"), env=environment_with(library), stdout=subprocess.PIPE
    )
    with process:
        assert process.stdout
        assert int(process.stdout.read()) == process.pid


def test_standard_streams_and_arguments_pass_through(vgetrandom: Vgetrandom) -> None:
    result = vgetrandom("run", "--", "sh", "-c", 'cat; echo "$0 $1" >&2', "--off", "-x", input="in\n")
    assert (result.stdout, result.stderr) == ("in\n", "--off -x\n")


def test_command_needs_no_dashes_before_it(vgetrandom: Vgetrandom) -> None:
    assert vgetrandom("run", "sh", "-c", "exit 3").returncode == 3


def test_library_serves_the_commands_draws(vgetrandom: Vgetrandom, tmp_path: Path) -> None:
    report = tmp_path / "report"
    assert vgetrandom("run", "--report", report, "--", sys.executable, "-c", DRAW).returncode == 0
    assert served(report) > 0


def test_report_may_be_a_relative_path_though_the_command_changes_folder(
    vgetrandom: Vgetrandom, tmp_path: Path
) -> None:
    code = "import os; os.chdir('/'); os.urandom(1)"
    vgetrandom("run", "--report", "report", "--", sys.executable, "-c", code, cwd=tmp_path)
    assert served(tmp_path / "report") > 0


def test_processes_that_the_command_starts_have_the_library(vgetrandom: Vgetrandom, tmp_path: Path) -> None:
    report = tmp_path / "report"
    vgetrandom(
        "run", "--report", report, "--", "sh", "-c", f"{sys.executable} -c '{DRAW}'; {sys.executable} -c '{DRAW}'; :"
    )
    drew = [line for line in report.read_text().splitlines() if json.loads(line)["calls"]]
    assert len(drew) == 2


def test_off_answers_by_system_calls(vgetrandom: Vgetrandom, tmp_path: Path) -> None:
    report = tmp_path / "report"
    vgetrandom("run", "--off", "--report", report, "--", sys.executable, "-c", DRAW)
    line = json.loads(report.read_text())
    assert (line["status"], line["calls"]) == ("off", 0)


def test_existing_preload_is_kept_and_comes_first(vgetrandom: Vgetrandom, library: Path, tmp_path: Path) -> None:
    source, other = tmp_path / "other.c", tmp_path / "other.so"
    source.write_text("#include <sys/types.h>\npid_t getppid(void) { return 4321; }\n")
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", other, source], check=True)
    code = "import os; print(os.environ['LD_PRELOAD'], os.getppid())"
    result = vgetrandom("run", "--", sys.executable, "-c", code, LD_PRELOAD=str(other))
    assert result.stdout == f"{other}:{library} 4321\n"


def test_preloading_twice_is_preloading_once(vgetrandom: Vgetrandom, library: Path) -> None:
    result = vgetrandom("run", "--", "sh", "-c", "echo $LD_PRELOAD", LD_PRELOAD=str(library))
    assert result.stdout == f"{library}\n"


@pytest.mark.parametrize("locale", ["C", "C.UTF-8", None])
def test_nothing_else_in_the_environment_changes(library: Path, locale: str | None) -> None:
    environment = environment_with(library, LC_ALL=None, LC_CTYPE=None, LANG=locale)
    plain = subprocess.run(["env"], env=environment, capture_output=True, text=True, check=True).stdout
    words = command_line("run", "--", "env")
    ours = subprocess.run(words, env=environment, capture_output=True, text=True, check=True).stdout
    assert set(ours.splitlines()) == {*plain.splitlines(), f"LD_PRELOAD={library}"}


def test_a_closed_pipe_ends_the_command_quietly(library: Path) -> None:
    line = " ".join(command_line("run", "--", "yes")) + " | head -1; echo ${PIPESTATUS[0]}"
    result = subprocess.run(["bash", "-c", line], env=environment_with(library), capture_output=True, text=True)
    assert (result.stdout, result.stderr) == (f"y\n{128 + signal.SIGPIPE}\n", "")


@pytest.mark.parametrize("first_line", [f"#!{sys.executable}\n", "#!/usr/bin/env python3\n"])
def test_scripts_are_served(vgetrandom: Vgetrandom, tmp_path: Path, first_line: str) -> None:
    report = tmp_path / "report"
    path = script(tmp_path / "draw", f"{first_line}{DRAW}; import sys; print(sys.argv)\n")
    result = vgetrandom("run", "--strict", "--report", report, "--", "./draw", "-v", cwd=tmp_path)
    assert result.stdout == "['./draw', '-v']\n"
    assert served(report) > 0
    assert path.exists()


def test_script_without_interpreter_line_goes_to_the_shell(vgetrandom: Vgetrandom, tmp_path: Path) -> None:
    script(tmp_path / "plain", "echo $1; exit 4\n")
    result = vgetrandom("run", "--", tmp_path / "plain", "word")
    assert (result.stdout, result.returncode) == ("word\n", 4)


def test_program_is_found_on_path(vgetrandom: Vgetrandom, tmp_path: Path) -> None:
    script(tmp_path / "only-here", "#!/bin/sh\necho $0\n")
    result = vgetrandom("run", "--", "only-here", PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert result.stdout == f"{tmp_path}/only-here\n"


@needs.root("to become another user")
def test_folder_on_path_that_can_not_be_entered_is_passed_over(library: Path, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    code = (
        "import os, sys; from vgetrandom.system.program import find_program; from pathlib import Path;"
        "os.setuid(65534);"
        f"print(find_program(['sh'], {{'PATH': '{closed}:/bin'}}, Path({str(library)!r})).path)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout == "/bin/sh\n", result.stderr


@pytest.mark.parametrize("name", ["no-such-program", "./no-such-program", ""])
def test_missing_program_is_127(vgetrandom: Vgetrandom, name: str) -> None:
    result = vgetrandom("run", "--", name)
    assert result.returncode == 127
    assert "no such" in one_line(result)


def test_folder_is_126(vgetrandom: Vgetrandom, tmp_path: Path) -> None:
    result = vgetrandom("run", "--", tmp_path)
    assert result.returncode == 126
    assert "folder" in one_line(result)


def test_file_that_is_not_executable_is_126(vgetrandom: Vgetrandom, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("data")
    result = vgetrandom("run", "--", tmp_path / "data")
    assert result.returncode == 126
    assert "not executable" in one_line(result)


def test_missing_interpreter_is_126(vgetrandom: Vgetrandom, tmp_path: Path) -> None:
    result = vgetrandom("run", "--", script(tmp_path / "odd", "#!/no/such/interpreter\n"))
    assert result.returncode == 126
    assert "/no/such/interpreter" in one_line(result)


def test_damaged_program_is_126(vgetrandom: Vgetrandom, tmp_path: Path) -> None:
    path = tmp_path / "damaged"
    path.write_bytes(b"\x7fELF" + bytes(100))
    path.chmod(0o755)
    result = vgetrandom("run", "--", path)
    assert result.returncode == 126
    assert one_line(result)


def test_static_program_is_named_and_runs(vgetrandom: Vgetrandom, static_program: Path) -> None:
    result = vgetrandom("run", "--", static_program)
    assert result.returncode == 5
    assert f"{static_program} is statically linked" in one_line(result)


def test_static_program_behind_a_script_and_env_is_named(
    vgetrandom: Vgetrandom, static_program: Path, tmp_path: Path
) -> None:
    by_script = vgetrandom("run", "--", script(tmp_path / "by-script", f"#!{static_program} -x\n"))
    by_env = vgetrandom("run", "--", "env", "A=1", static_program)
    assert "statically linked" in one_line(by_script)
    assert "statically linked" in one_line(by_env)


def test_strict_refuses_what_it_can_not_reach(vgetrandom: Vgetrandom, static_program: Path) -> None:
    result = vgetrandom("run", "--strict", "--", static_program)
    assert result.returncode == 126
    assert "statically linked" in one_line(result)


def test_other_architecture_is_named(vgetrandom: Vgetrandom, tmp_path: Path) -> None:
    header = bytearray(Path("/bin/true").resolve().read_bytes()[:64])
    header[4], header[18:20] = 1, (3).to_bytes(2, sys.byteorder)  # 32 bits, EM_386
    header[42:44] = header[48:50] = bytes(2)  # no program or section headers
    header[46:48] = (40).to_bytes(2, sys.byteorder)  # the size of one, without which some pyelftools read nothing
    path = tmp_path / "foreign"
    path.write_bytes(bytes(header[:52]) + bytes(200))
    path.chmod(0o755)
    assert "32-bit x86" in vgetrandom("run", "--strict", "--", path).stderr


@needs.root("to make a set-uid program for another user")
def test_set_uid_program_is_named(vgetrandom: Vgetrandom, tmp_path: Path) -> None:
    path = tmp_path / "raised"
    path.write_bytes(Path("/bin/true").read_bytes())
    os.chown(path, 65534, 65534)
    path.chmod(0o755 | stat.S_ISUID)
    assert "set-uid" in one_line(vgetrandom("run", "--", path))


def test_emptied_environment_is_named(vgetrandom: Vgetrandom) -> None:
    assert "empties the environment" in one_line(vgetrandom("run", "--", "env", "-i", "/bin/true"))


def test_loader_run_as_a_command_is_reached(vgetrandom: Vgetrandom) -> None:
    loaders = [path for path in Path("/lib64").glob("ld-*.so*") if path.exists()]
    if not loaders:
        needs.another_host("with a loader in /lib64")
    assert vgetrandom("run", "--strict", "--", loaders[0], "/bin/true").returncode == 0


@pytest.mark.parametrize("words", [["run"], ["run", "--"], ["run", "--strict", "--"]])
def test_nothing_to_run_is_2(vgetrandom: Vgetrandom, words: list[str]) -> None:
    result = vgetrandom(*words)
    assert result.returncode == 2
    assert "nothing to run" in one_line(result)


def test_wrong_option_is_2(vgetrandom: Vgetrandom) -> None:
    assert vgetrandom("run", "--no-such-option").returncode == 2


def test_missing_library_is_one_line(vgetrandom: Vgetrandom, tmp_path: Path) -> None:
    result = vgetrandom("run", "--", "true", VGETRANDOM_LIBRARY=str(tmp_path / "gone.so"))
    assert result.returncode == 2
    assert "gone.so" in one_line(result)


@pytest.mark.parametrize("words", [("run", "--", "true"), ("path",)])
@pytest.mark.parametrize("name", ["a folder", "a:colon", "a$dollar", "100%"])
def test_library_that_ld_preload_can_not_name_is_one_line_with_the_way_out(
    vgetrandom: Vgetrandom, library: Path, tmp_path: Path, words: tuple[str, ...], name: str
) -> None:
    copy = tmp_path / name / "libvgetrandom.so"
    copy.parent.mkdir()
    copy.write_bytes(library.read_bytes())
    result = vgetrandom(*words, VGETRANDOM_LIBRARY=str(copy))
    assert (result.returncode, result.stdout) == (2, "")
    assert "set VGETRANDOM_LIBRARY to the copy" in one_line(result)


@pytest.mark.parametrize("verb", ["run", "check"])
@pytest.mark.parametrize("name", ["lib.so", "a$LIB.so"])
def test_library_that_the_loader_would_ignore_is_one_line(
    vgetrandom: Vgetrandom, library: Path, tmp_path: Path, verb: str, name: str
) -> None:
    """The loader goes on without it, and the command would run as if nothing had been asked."""
    file = tmp_path / name
    if name == "lib.so":
        file.write_text("not a library")
    else:
        file.write_bytes(library.read_bytes())
    result = vgetrandom(verb, "--", "true", VGETRANDOM_LIBRARY=str(file))
    assert (result.returncode, result.stdout) == (2, "")
    assert str(file) in one_line(result)


def test_report_that_can_not_be_written_is_one_line(vgetrandom: Vgetrandom, tmp_path: Path) -> None:
    result = vgetrandom("run", "--report", tmp_path / "none" / "report", "--", "true")
    assert result.returncode == 2
    assert "can't write the report" in one_line(result)


@pytest.mark.parametrize("name", ["fd:99", "fd:", "fd:two", "fd:1x", "fd:-1", "fd:0", f"fd:{2**31}"])
def test_report_to_no_descriptor_is_one_line(vgetrandom: Vgetrandom, name: str) -> None:
    """fd:0 is open for reading alone. The command is not started."""
    result = vgetrandom("run", "--report", name, "--", "sh", "-c", "echo started")
    assert (result.returncode, result.stdout) == (2, "")
    assert f"can't write the report {name}" in one_line(result)


def test_report_into_a_fifo_never_waits(vgetrandom: Vgetrandom, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    assert vgetrandom("run", "--report", fifo, "--", "sh", "-c", "exit 7").returncode == 7
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    assert vgetrandom("run", "--report", fifo, "--", "sh", "-c", "exit 7").returncode == 7
    assert json.loads(os.read(reader, 4096))["status"] in ("active", "no-vdso")
    os.close(reader)


def test_report_into_what_is_no_file_is_one_line(vgetrandom: Vgetrandom, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        for name in (tmp_path, tmp_path / "socket"):
            result = vgetrandom("run", "--report", name, "--", "true")
            assert result.returncode == 2
            assert "can't write the report" in one_line(result)


def test_the_reporter_is_preloaded_for_reports_alone(vgetrandom: Vgetrandom, library: Path, tmp_path: Path) -> None:
    words = ("--", "sh", "-c", "echo $LD_PRELOAD")
    reporter = library.with_name("libvgetrandom-report.so").resolve()
    assert vgetrandom("run", *words).stdout == f"{library}\n"
    assert vgetrandom("run", "--report", tmp_path / "report", *words).stdout == f"{library}:{reporter}\n"


@pytest.mark.parametrize("word", ["soap", "of", "offf", "nobulk,on"])
def test_words_that_mean_nothing_are_named_and_the_command_runs(vgetrandom: Vgetrandom, word: str) -> None:
    result = vgetrandom("run", "--", "sh", "-c", "exit 7", VGETRANDOM=word)
    assert result.returncode == 7
    assert f"{word.split(',')[-1]!r} in VGETRANDOM means nothing to the library" in one_line(result)


@pytest.mark.parametrize("value", ["off", "OFF", "Off", "0", "no", "false", "disable", "disabled", "nobulk,off"])
def test_the_obvious_spellings_of_off_are_off(vgetrandom: Vgetrandom, tmp_path: Path, value: str) -> None:
    report = tmp_path / "report"
    result = vgetrandom("run", "--report", report, "--", "sh", "-c", ":", VGETRANDOM=value)
    assert result.stderr == ""
    assert json.loads(report.read_text())["status"] == "off"
    assert says_off(value)


@pytest.mark.parametrize("value", ["", "on", "of", "offf", "nobulk", "lock", "offset,on"])
def test_nothing_else_is_off(vgetrandom: Vgetrandom, tmp_path: Path, value: str) -> None:
    report = tmp_path / "report"
    vgetrandom("run", "--report", report, "--", "sh", "-c", ":", VGETRANDOM=value)
    assert json.loads(report.read_text())["status"] != "off"
    assert not says_off(value)


@pytest.mark.parametrize("name", ["VGETRANDO", "VGETRANDOM2", "XVGETRANDOM"])
def test_variables_with_similar_names_mean_nothing(vgetrandom: Vgetrandom, tmp_path: Path, name: str) -> None:
    report = tmp_path / "report"
    vgetrandom("run", "--report", report, "--", "sh", "-c", ":", **{name: "off"})
    assert json.loads(report.read_text())["status"] != "off"


def test_report_may_be_a_descriptor(vgetrandom: Vgetrandom) -> None:
    assert json.loads(vgetrandom("run", "--report", "fd:2", "--", sys.executable, "-c", DRAW).stderr)["calls"] > 0


def test_runs_without_a_home(vgetrandom: Vgetrandom) -> None:
    assert vgetrandom("run", "--", "true", HOME=None).returncode == 0
    assert vgetrandom("run", "--", "true", HOME="/proc/none").returncode == 0


def test_interrupted_command_ends_by_the_signal(library: Path) -> None:
    words = command_line("run", "--", "sh", "-c", "echo up; exec sleep 60")
    process = subprocess.Popen(words, env=environment_with(library), stdout=subprocess.PIPE, start_new_session=True)
    with process:
        assert process.stdout
        assert process.stdout.readline() == b"up\n"
        start = time.monotonic()
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(30) == -signal.SIGINT
        assert time.monotonic() - start < 20


def test_copy_under_another_name_is_no_part_of_an_environment_without(library: Path, tmp_path: Path) -> None:
    copy, other = tmp_path / "copy.so", tmp_path / "other.so"
    copy.write_bytes(library.read_bytes())
    other.write_bytes(b"no library")
    environment = {"LD_PRELOAD": f"{copy}:{other} {library} name.so", "VGETRANDOM": "off", "HOME": "/"}
    assert without_library(environment) == {"LD_PRELOAD": f"{other}:name.so", "HOME": "/"}


@pytest.fixture
def sanitized(tmp_path: Path) -> Path:
    """A program that gcc has given its address sanitizer, as a library of its own."""
    source, program = tmp_path / "sanitized.c", tmp_path / "sanitized"
    source.write_text("int main(void) { return 5; }\n")
    made = subprocess.run(["gcc", "-fsanitize=address", "-o", program, source], capture_output=True)
    if made.returncode or subprocess.run([program], capture_output=True).returncode != 5:
        needs.skip("gcc's address sanitizer does not run here", needs.install("gcc"))
    return program


@pytest.mark.parametrize("verb", ["run", "check"])
def test_sanitized_program_is_refused_with_the_way_out(vgetrandom: Vgetrandom, sanitized: Path, verb: str) -> None:
    result = vgetrandom(verb, "--", sanitized)
    assert result.returncode == (126 if verb == "run" else 2)
    line = one_line(result)
    assert "address sanitizer" in line
    name = line.split("put LD_PRELOAD=")[1].split()[0]
    status = vgetrandom("run", "--", sanitized, LD_PRELOAD=name).returncode
    assert status == 5, f"the way out that was named is none: {status}"
    assert vgetrandom("run", "--", sanitized, ASAN_OPTIONS="verify_asan_link_order=0").returncode == 5
