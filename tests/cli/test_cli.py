"""What every verb has in common: wrong options, closed streams, a full disk, a reader that goes away."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import needs
import pytest
from command import Vgetrandom, command_line, environment_with, one_line
from vgetrandom.cli import VERBS


def in_shell(library: Path, line: str) -> subprocess.CompletedProcess[str]:
    """A line of bash, in which $V is the command."""
    words = ["bash", "-c", line.replace("$V", " ".join(command_line()))]
    return subprocess.run(words, env=environment_with(library), capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_explains_itself(vgetrandom: Vgetrandom, verb: str) -> None:
    result = vgetrandom(verb, "--help")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith(f"usage: vgetrandom {verb} ")


@pytest.mark.parametrize("verb", VERBS)
def test_a_wrong_option_is_one_line_that_names_the_help(vgetrandom: Vgetrandom, verb: str) -> None:
    result = vgetrandom(verb, "--no-such-option")
    assert result.returncode == 2
    assert one_line(result) == f"vgetrandom: unrecognized arguments: --no-such-option; see vgetrandom {verb} --help"


@pytest.mark.parametrize(
    "words",
    [
        *(
            ("scan", ""),
            ("scan", "--root", "", "sh"),
            ("run", "--report", "", "--", "true"),
            ("observe", "--cgroup", ""),
        ),
        *(("deploy", "--list", "--root", ""), ("status", ""), ("conform", "native", "-k", ""), ("bench", "--size", "")),
    ],
)
def test_a_variable_that_is_not_set_is_a_wrong_word(vgetrandom: Vgetrandom, words: tuple[str, ...]) -> None:
    """Else `scan "$DIR"` would scan this folder, and `--root "$DIR"` the host."""
    result = vgetrandom(*words)
    assert result.returncode == 2
    assert one_line(result).endswith(f": an empty word; is a variable not set?; see vgetrandom {words[0]} --help")


def test_empty_words_of_a_command_are_its_own(vgetrandom: Vgetrandom) -> None:
    assert vgetrandom("run", "--", "sh", "-c", 'test "$1" = "" && test $# = 1', "sh", "").returncode == 0


@pytest.mark.parametrize("words", [(), ("no-such-verb",), ("--no-such-option",)])
def test_no_verb_is_one_line(vgetrandom: Vgetrandom, words: tuple[str, ...]) -> None:
    result = vgetrandom(*words)
    assert result.returncode == 2
    assert one_line(result).endswith("; see vgetrandom --help")


@pytest.mark.parametrize(
    "line", ["$V path >&-", "$V path <&- >&- 2>&-", "$V check -- sh -c : <&- >&- 2>&-; test $? = 1"]
)
def test_closed_streams_do_no_harm(library: Path, line: str) -> None:
    result = in_shell(library, line)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_a_closed_stream_stays_closed_for_the_command_that_is_run(library: Path) -> None:
    line = "$V run -- sh -c '[ -e /proc/self/fd/0 ] || [ -e /proc/self/fd/2 ]; echo $?' <&- 2>&-"
    assert in_shell(library, line).stdout == "1\n"


def test_nothing_meant_for_a_closed_stream_goes_to_another(library: Path) -> None:
    assert in_shell(library, "$V run -- env -i sh -c 'echo one' 2>&-").stdout == "one\n"


@needs.host(os.access("/dev/full", os.W_OK), "with /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("words", ["path", "conform --list", "scan --json sh"])
def test_a_full_disk_is_one_line(library: Path, words: str, unbuffered: str) -> None:
    """Also where Python finds out at its end."""
    result = in_shell(library, f"PYTHONUNBUFFERED={unbuffered} $V {words} >/dev/full")
    assert (result.returncode, result.stderr) == (2, "vgetrandom: No space left on device\n")


@pytest.mark.parametrize("words", ["path", "conform --list"])
def test_a_reader_that_goes_away_ends_it_quietly(library: Path, words: str) -> None:
    result = in_shell(library, f"$V {words} | true; echo ${{PIPESTATUS[0]}}")
    assert (result.stdout, result.stderr) == ("141\n", "")


WRONG = {
    "doctor": ["--no-such-option"],
    "check": ["--repeat", "0", "--", "true"],
    "scan": ["--root", "/no/such/folder", "sh"],
    "observe": ["--seconds", "-1"],
    "status": ["--interval", "0"],
    "conform": ["--repeat", "0", "native"],
    "matrix": ["--only", "no/such/cell"],
    "clones": ["--clones", "1"],
}


@pytest.mark.parametrize("verb", WRONG)
def test_an_error_is_json_too_where_json_is_asked_for(vgetrandom: Vgetrandom, verb: str) -> None:
    result = vgetrandom(verb, "--json", *WRONG[verb])
    assert result.returncode == 2
    found = json.loads(result.stdout)
    assert found == {"schema": 1, "error": one_line(result)[len("vgetrandom: ") :], "exit_status": 2}


def test_json_of_the_command_that_is_run_is_its_own_affair(vgetrandom: Vgetrandom) -> None:
    result = vgetrandom("check", "--bad", "--", "some-program", "--json")
    assert (result.returncode, result.stdout) == (2, "")


@pytest.mark.parametrize("words", [("conform",), ("matrix", "--only", "x86_64/*/*"), ("clones",)])
def test_a_list_is_json_too(vgetrandom: Vgetrandom, words: tuple[str, ...]) -> None:
    result = vgetrandom(*words, "--list", "--json")
    assert (result.returncode, result.stderr) == (0, "")
    found = json.loads(result.stdout)
    assert found.pop("schema") == 1
    assert all(isinstance(rows, list) and rows for rows in found.values())


READ = [
    "scan {}",
    "scan --root {} sh",
    "conform --expect {} native",
    "conform --library {} shim",
    "bench show {}",
    "bench compare {} {}",
    "bench --contender {}",
    "bench --library {}",
    "matrix --table {} --list",
    "matrix --kernel {}",
    "clones --kernel {}",
    "run -- {}",
    "check -- {}",
]
WRITTEN = [
    "conform --html {} native",
    "conform --junit {} native",
    "bench --quick --json {}",
    "bench --html {}",
    "bench --plot {}",
    "matrix --document {}",
    "matrix --html {}",
    "clones --document {}",
    "build --output {}",
]


@pytest.mark.parametrize("line", [*READ, *WRITTEN])
def test_a_fifo_that_a_user_names_hangs_no_verb(vgetrandom: Vgetrandom, tmp_path: Path, line: str) -> None:
    """Nobody is at its other end: to open it would take for ever."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo, 0o777)
    result = vgetrandom(*line.format(fifo, fifo).split())
    assert result.returncode in ((1,) if line == "scan {}" else (2, 126))
    assert str(fifo) in result.stderr + result.stdout


@pytest.mark.parametrize("line", [line for line in READ if line.split()[0] not in ("run", "check")])
def test_a_device_that_a_user_names_is_not_read(vgetrandom: Vgetrandom, line: str) -> None:
    """It never ends, and the verb does."""
    result = vgetrandom(*line.format("/dev/zero", "/dev/zero").split())
    assert result.returncode in ((1,) if line == "scan {}" else (2,))


def test_what_is_written_may_go_to_a_pipe(library: Path, tmp_path: Path) -> None:
    line = f"$V conform native -k interface_flags --json --junit {tmp_path}/out >{tmp_path}/json; [ -s {tmp_path}/out ]"
    assert in_shell(library, line).returncode == 0
    named = f"mkfifo {tmp_path}/named; cat {tmp_path}/named >{tmp_path}/read & sleep 1"
    line = f"{named}; $V conform native -k interface_flags --junit {tmp_path}/named >/dev/null; wait"
    assert in_shell(library, f"{line}; grep -c '<testsuite ' {tmp_path}/read").stdout == "1\n"
    piped = in_shell(
        library,
        "$V conform native -k interface_flags --tap --junit /dev/stderr 2>&1 >/dev/null | grep -c '<testsuite '",
    )
    assert piped.stdout == "1\n"
