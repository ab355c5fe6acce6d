"""The commands that the documents print: in indented blocks, and in backquotes where they begin as commands do."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = (
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    ROOT / "tests" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
)
# What a line of an indented block begins with when it is a command; other lines are output, C or configuration.
PROGRAMS = (
    "vgetrandom", "./setup", "pip", "pytest", "python", "python3", "ruff", "mypy", "meson", "apt-get", "install",
    "strace", "timeout", "cc", "gcc", "git", "make", "sh", "bash", "cp", "LD_PRELOAD=", "root=",
)  # fmt: skip
_PROMPT = re.compile(r"^[$#] ")
_ASSIGNMENT = re.compile(r"[A-Z_]+=\S*$")


@dataclass(frozen=True)
class Command:
    """One simple command, as words, and where it is printed."""

    document: Path
    line: int
    words: tuple[str, ...]

    @property
    def program(self) -> str:
        """Its name without a folder: what is meant is the one in the checkout's .venv, or on PATH."""
        return self.words[0] if self.words[0].startswith("./") else Path(self.words[0]).name

    def __str__(self) -> str:
        return f"{self.document.relative_to(ROOT)}:{self.line}: {shlex.join(self.words)}"


def printed_commands() -> list[Command]:
    """All of them, in the order of documents and lines."""
    return [command for document in DOCUMENTS for command in _of_document(document)]


def _of_document(document: Path) -> Iterator[Command]:
    for number, text in _candidates(document.read_text(encoding="utf-8").splitlines()):
        for words in simple_commands(text):
            yield Command(document, number, tuple(words))


def _candidates(lines: list[str]) -> Iterator[tuple[int, str]]:
    """Line numbers and texts that are commands; a line that ends in a backslash goes on in the next."""
    text, begin = "", 0
    for number, line in enumerate(lines, 1):
        if text:
            text += line.strip()
        elif line.startswith("    ") and _is_command(_PROMPT.sub("", line.strip())):
            text, begin = _PROMPT.sub("", line.strip()), number
        else:
            inline = re.findall(r"(?<!`)`([^`]+)`(?!`)", line)
            yield from ((number, one) for one in inline if _is_command(one) and " " in one)
            continue
        if text.endswith("\\"):
            text = text[:-1]
            continue
        yield begin, text
        text = ""


def _is_command(text: str) -> bool:
    first = text.split(" ")[0].replace(".venv/bin/", "")
    return first in PROGRAMS or text.startswith(("LD_PRELOAD=", "root=$(", "VGETRANDOM="))


def simple_commands(text: str) -> Iterator[list[str]]:
    """The commands of a line of shell, without comments, assignments, redirections; $(...) is a command of its own."""
    for inner in re.findall(r"\$\(([^()]*)\)", text):
        yield from simple_commands(inner)
    words: list[str] = []
    lexer = shlex.shlex(re.sub(r"\$\([^()]*\)", "SUBSTITUTED", text), posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split = True
    lexer.commenters = "#"
    redirected = False
    for word in [*lexer, ";"]:
        if redirected:
            redirected = False
        elif word and set(word) <= set("<>"):
            redirected = True
        elif word and set(word) <= set("|&;"):
            if words:
                yield words
            words = []
        elif words or not _ASSIGNMENT.match(word):
            words.append(word)
