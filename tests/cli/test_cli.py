"""What every verb has in common: wrong options, closed streams, a full disk, a reader that goes away."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from command import Vgetrandom, command_line, environment_with, one_line, runner_for
from vgetrandom.cli import VERBS


@pytest.fixture
def vgetrandom(library: Path) -> Vgetrandom:
    return runner_for(library)


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


@pytest.mark.skipif(not os.access("/dev/full", os.W_OK), reason="no /dev/full here")
def test_a_full_disk_is_one_line(library: Path) -> None:
    result = in_shell(library, "$V path >/dev/full")
    assert (result.returncode, result.stderr) == (2, "vgetrandom: No space left on device\n")


@pytest.mark.parametrize("words", ["path", "conform --list"])
def test_a_reader_that_goes_away_ends_it_quietly(library: Path, words: str) -> None:
    result = in_shell(library, f"$V {words} | true; echo ${{PIPESTATUS[0]}}")
    assert (result.stdout, result.stderr) == ("141\n", "")
