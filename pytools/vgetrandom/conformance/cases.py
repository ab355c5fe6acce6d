"""What a case is: one C file whose first comment says the promise, where it is written, and what the case needs."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass
from pathlib import Path

from ..errors import VgetrandomError
from ..preload.library import source_path

GROUPS = {
    "interface": "Interfaces",
    "fork": "Fork",
    "signal": "Signals",
    "step": "Every instruction",
    "thread": "Threads",
    "life": "Process life",
    "memory": "Memory",
    "sandbox": "Sandboxes",
    "confined": "Confined",
    "output": "Output",
}
KINDS = ("promise", "quality")
_FIELD = re.compile(r"(Source|Kind|With|Library|Runs): *(.*)")


@dataclass(frozen=True)
class Case:
    """One case; the paths are absolute."""

    name: str
    group: str  # key of GROUPS
    promise: str  # what must hold, in one or two sentences
    source: str  # where that is written: a man page, a standard, a kernel file
    kind: str  # "promise": a man page or POSIX says so; "quality": nobody promised, users need it
    path: Path
    extra_sources: tuple[Path, ...]  # compiled into the case
    libraries: tuple[Path, ...]  # each built as a shared library beside the case
    alone: bool  # nothing else may run beside it


def cases_folder() -> Path:
    """Where the cases are: in the source tree, or carried by the installed package.

    Raises VgetrandomError when they are gone.
    """
    folder = source_path() / "tests" / "conformance"
    if not folder.is_dir():
        raise VgetrandomError("the conformance cases are missing; install vgetrandom again")
    return folder


def read_case(path: Path) -> Case:
    """Read the comment at the head of one case. Raises VgetrandomError when it lacks what a case must say."""
    promise: list[str] = []
    fields: dict[str, str] = {}
    last = ""
    for line in _head_comment(path):
        found = _FIELD.match(line)
        if found:
            last = found.group(1)
            fields[last] = found.group(2)
        elif last:
            fields[last] = f"{fields[last]} {line}".strip()
        else:
            promise.append(line[len("Promise: ") :] if line.startswith("Promise: ") else line)
    group = path.stem.partition("_")[0]
    kind = fields.get("Kind", "")
    if group not in GROUPS:
        raise VgetrandomError(f"{path.name} belongs to no group; begin its name with one of {', '.join(GROUPS)}")
    if not promise or "Source" not in fields or kind not in KINDS:
        raise VgetrandomError(
            f"the first comment of {path.name} must have a promise, Source: and Kind: promise|quality"
        )
    return Case(
        name=path.stem,
        group=group,
        promise=" ".join(promise).strip(),
        source=fields["Source"],
        kind=kind,
        path=path,
        extra_sources=tuple(path.parent / word for word in fields.get("With", "").split()),
        libraries=tuple(path.parent / "lib" / word for word in fields.get("Library", "").split()),
        alone=fields.get("Runs") == "alone",
    )


def read_cases(folder: Path, pattern: str = "") -> list[Case]:
    """The cases of a folder, every C file named after a group, in the order of groups and names.

    `pattern` chooses the case of that name, or those whose name contains it or matches it as a shell wildcard; commas
    separate several.
    Raises VgetrandomError when none is chosen, or a case does not say what it must.
    """
    words = [word.strip() for word in pattern.split(",") if word.strip()]
    paths = [path for path in folder.glob("*.c") if path.stem.partition("_")[0] in GROUPS]
    names = {path.stem for path in paths}
    chosen = [path for path in paths if not words or any(_matches(path.stem, word, names) for word in words)]
    if not chosen:
        raise VgetrandomError(f"no case in {folder} matches {pattern!r}; see `vgetrandom conform --list`")
    order = list(GROUPS)
    return sorted((read_case(path.resolve()) for path in chosen), key=lambda case: (order.index(case.group), case.name))


def _matches(name: str, word: str, names: set[str]) -> bool:
    return name == word if word in names else word in name or fnmatch.fnmatch(name, word)


def _head_comment(path: Path) -> list[str]:
    """The lines of the first comment that is not the licence line, without their stars."""
    text = path.read_text(encoding="utf-8")
    for comment in re.findall(r"/\*(.*?)\*/", text, re.DOTALL):
        lines = [line.strip().lstrip("*").strip() for line in comment.splitlines()]
        lines = [line for line in lines if line]
        if lines and not lines[0].startswith("SPDX"):
            return lines
    return []
