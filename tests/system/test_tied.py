"""A program that is tied to its starter ends with it, whatever ends that."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from vgetrandom.system.tied import tied

STARTER = """
import subprocess, sys
from vgetrandom.system.tied import tied
program = subprocess.Popen(tied(["/bin/sh", "-c", "echo $$; exec sleep 600"]))
program.wait()
"""


def test_program_ends_with_a_starter_that_is_killed() -> None:
    starter = subprocess.Popen([sys.executable, "-c", STARTER], stdout=subprocess.PIPE, text=True)
    assert starter.stdout
    assert int(starter.stdout.readline()) > 0
    os.kill(starter.pid, signal.SIGKILL)
    # The program has the other end of the pipe: it is closed when the program has ended, too.
    assert starter.communicate(timeout=60) == ("", None)


def test_program_whose_starter_has_ended_already_does_not_begin() -> None:
    words = tied(["/bin/echo", "began"])
    words[words.index(str(os.getpid()))] = "1"
    done = subprocess.run(words, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (127, "")


def test_program_has_words_environment_and_exit_status_as_without(tmp_path: Path) -> None:
    line = 'echo "$1" "$WORD"; exit 7'
    done = subprocess.run(tied(["/bin/sh", "-c", line, "sh", "a b"]), env={"WORD": "w"}, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (7, "a b w\n", "")
    done = subprocess.run(tied([str(tmp_path / "none")]), capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (127, "none: does not run: No such file or directory\n")
