"""Every command that a document prints is one: verbs, options and files exist; and those that are quick run."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import re
import subprocess
import sys
from pathlib import Path

import needs
import pytest
from command import command_line, environment_with
from printed import ROOT, Command, printed_commands, simple_commands
from vgetrandom.cli import VERBS, _parser

COMMANDS = printed_commands()
OURS = [command for command in COMMANDS if command.program == "vgetrandom"]
OTHERS = [command for command in COMMANDS if command.program != "vgetrandom"]
# What stands for something of the reader's, where an option or argument takes a number.
NUMBERS = {"PID": "1", "N": "1", "S": "1", "SECONDS": "1", "X": "1"}
# Verbs whose commands are parsed and not run, and who runs them.
NOT_RUN = {
    "run": "becomes a command of the reader's: tests/preload",
    "check": "times a command for up to a minute: tests/check",
    "observe": "needs root on the host: tests/observe",
    "conform": "takes a minute and more: tests/conform",
    "bench": "takes a minute and more: tests/bench",
    "matrix": "boots machines: tests/matrix",
    "clones": "boots machines: tests/clones",
    "build": "compiles, and may need another compiler: tests/preload",
    "deploy": "changes services: tests/deploy",
    "prototype": "builds a libc: tests/prototype",
    "status": "shows processes of the reader's: tests/status",
    "scan": "reads programs that may not be installed: tests/scan",
}
# Other programs, and why they are not run.
NEITHER_OURS = {
    "apt-get": "installs packages",
    "cc": "compiles with the reader's compiler: tests/conform, docs/upstream",
    "git": "reads the reader's changes",
    "install": "writes below /usr/local",
    "make": "builds a libc of the reader's",
    "meson": "tests/shim/test_linking.py runs it",
    "mypy": "takes a minute; whoever changes Python runs it",
    "ruff": "whoever changes Python runs it",
    "systemctl": "restarts a service of the reader's",
    "strace": "traces a server of the reader's",
    "timeout": "runs what follows it",
    "root=SUBSTITUTED": "a variable",
    "CMD": "the reader's",
    "--tap,": "options in a sentence",
}


def quick(command: Command) -> bool:
    """What needs no argument of the reader's, no right and no time."""
    words = command.words[1:]
    if words[0] == "VERB":
        return False
    return "--list" in words or "--help" in words or words in (("doctor",), ("path",), ("status",))


def parsed(words: list[str]) -> str:
    """What argparse says against the words of `vgetrandom`; "" when it takes them."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            _args, unknown = _parser(words[:1]).parse_known_args(words)
    except SystemExit as end:
        return said.getvalue() if end.code else ""
    return f"unknown: {unknown}" if unknown else ""


@pytest.mark.parametrize("command", OURS, ids=str)
def test_verb_and_options_exist(command: Command) -> None:
    words = [NUMBERS.get(word, word) for word in command.words[1:] if word not in ("...", "…")]
    if words[0] == "VERB":
        return
    assert words[0] in VERBS or words[0] == "--version"
    # A sentence may name an option without its argument.
    assert not parsed(words) or parsed(words).startswith(f"vgetrandom: argument {words[-1]}: expected one argument")
    assert words[0] in NOT_RUN or quick(command) or words[0] in ("doctor", "path", "--version")


def test_a_wrong_option_would_be_seen() -> None:
    assert "unknown" in parsed(["doctor", "--no-such-option"])
    assert "no-such-verb" in parsed(["no-such-verb"])


@pytest.mark.parametrize("line", sorted({" ".join(one.words[1:]) for one in OURS if quick(one)}))
def test_a_quick_command_runs(library: Path, line: str) -> None:
    words = next(one.words[1:] for one in OURS if " ".join(one.words[1:]) == line)
    done = subprocess.run(
        command_line(*words), env=environment_with(library), stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert done.returncode in (0, 1), done.stderr  # no is an answer
    assert done.stdout


@pytest.mark.parametrize("command", OTHERS, ids=str)
def test_what_other_programs_are_given_exists(command: Command) -> None:
    words = list(command.words[1:])
    if command.program == "pytest":
        assert all((ROOT / word).exists() for word in words if word.startswith("tests/"))
        assert all(words[i + 1] in ("", "slow") for i, word in enumerate(words) if word == "-m")
    elif command.program in ("python", "python3"):
        exists(words)
    elif command.program == "pip":
        extras = re.findall(r"\.\[([a-z,]+)\]", " ".join(words))
        known = re.findall(r"^([a-z]+) = \[", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
        assert set(",".join(extras).split(",")) - {""} <= set(known)
    elif command.program == "./setup":
        script = (ROOT / "setup").read_text()
        assert all(word in script for word in words)
    else:
        assert command.program in NEITHER_OURS, f"{command}: say in this file why it is not run"


def exists(words: list[str]) -> None:
    """The file or module that Python runs; a program in its command line is one."""
    if words[0] == "-c":
        compile(words[1], "-c", "exec")
    elif words[0] == "-m":
        # Tests' own packages lie in tests/.
        own = ROOT / "tests" / (words[1].replace(".", "/") + ".py")
        assert own.is_file() or importlib.util.find_spec(words[1])
    else:
        assert (ROOT / words[0]).is_file()
        options = [word for word in words[1:] if word.startswith("--")]
        source = (ROOT / words[0]).read_text()
        assert all(option in source for option in options)


@pytest.mark.parametrize("script", ["tests/structure/import_graph.py"])
def test_a_quick_script_runs(script: str) -> None:
    done = subprocess.run([sys.executable, ROOT / script], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0 and done.stdout


def test_lines_of_shell_are_taken_apart() -> None:
    line = "X=1 a --b 'c d' > out && b '' $(c d) | e # comment"
    assert list(simple_commands(line)) == [["c", "d"], ["a", "--b", "c d"], ["b", "", "SUBSTITUTED"], ["e"]]


def test_commands_are_found_where_they_are_printed() -> None:
    lines = {str(command).split(": ", 1)[1] for command in COMMANDS}
    assert "./setup --test" in lines and "vgetrandom doctor" in lines
    assert {command.document.name for command in OURS} >= {"README.md", "operators.md", "matrix.md", "conformance.md"}


@needs.program("bash")
@pytest.mark.parametrize("command", [line for line in OURS if line.document.name == "README.md"], ids=str)
def test_readmes_blocks_are_shell(command: Command) -> None:
    """Each of its lines is a line that a shell can read."""
    line = command.document.read_text().splitlines()[command.line - 1].strip()
    if "`" in line:
        return
    done = subprocess.run(["bash", "-n", "-c", line], capture_output=True, text=True, env={"PATH": os.defpath})
    assert done.returncode == 0, done.stderr
