"""Putting core/, a host's files and an allocator into a libc's source tree.

The tree can be lifted into again, with another allocator: beside it lie what its edited files were at first and a list
of the files that were added. A file that stays as it is keeps its time, so that a build makes no more than is needed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import VgetrandomError
from .allocator import Allocator
from .description import FILE, Description
from .edits import apply

_ADDED = "added.json"
_VECTORS = {
    "x86_64": ("sse2", "avx2", "avx512"),
    "aarch64": ("neon",),
    "loongarch64": ("lsx",),
    "ppc64le": ("vsx",),
    "riscv64": ("rvv",),
    "s390x": ("vx",),
}
_NAMES_IN_CORE = {"ppc64le": "powerpc64le"}  # where core's name of an architecture is not uname(2)'s


@dataclass(frozen=True)
class Change:
    """A file of the libc: its text before (None: it is new) and after."""

    file: str
    before: str | None
    after: str
    unit: bool = False  # one line that includes a source


@dataclass(frozen=True)
class Lift:
    """What is to be put into one libc: `machine` is uname(2)'s name of the architecture."""

    description: Description
    allocator: Allocator
    bulk: bool
    machine: str
    version: str

    @property
    def arch(self) -> str:
        return self.description.architectures.get(self.machine, self.machine)

    @property
    def features(self) -> frozenset[str]:
        return self.allocator.hooks | (frozenset({"bulk"}) if self.bulk else frozenset())


def changes(lift: Lift, shim: Path, tree: Path, pristine: Path) -> list[Change]:
    """All files that are added or edited, by name; `pristine` has the first texts of files that were edited before.

    Raises VgetrandomError when a file to edit has moved on, or one to add is there.
    """
    description = lift.description
    contents, units = _new_files(lift, shim)
    texts: dict[str, str] = {}
    words = {
        "arch": lift.arch,
        "core": description.core,
        "units": " ".join(sorted(units)),
        "unit_names": " ".join(sorted(Path(unit).stem for unit in units)),
    }
    before: dict[str, str] = {}
    for edit in description.edits:
        if not edit.applies(lift.version, lift.features):
            continue
        if edit.file not in texts:
            texts[edit.file] = before[edit.file] = _first_text(edit.file, tree, pristine)
        add = edit.add
        for word, value in words.items():
            add = add.replace(f"{{{word}}}", value)
        texts[edit.file] = apply(edit, texts[edit.file], add)
    found = [Change(file, before[file], text) for file, text in texts.items()]
    found += [
        Change(file, None, text, text.startswith("#include") and file in units) for file, text in contents.items()
    ]
    return sorted(found, key=lambda change: change.file)


def write(found: Sequence[Change], tree: Path, pristine: Path) -> None:
    """Make the tree what the changes say, from whatever an earlier lift made of it.

    A makefile need not know what a unit includes: the units are as new as the newest file that is.
    """
    record = pristine / _ADDED
    earlier = _earlier(record)
    for change in found:
        if change.before is None and change.file not in earlier and (tree / change.file).exists():
            raise VgetrandomError(f"{tree / change.file} is there already; take a source that was not lifted into")
    for file in earlier - {change.file for change in found}:
        (tree / file).unlink(missing_ok=True)
    edited = {change.file for change in found if change.before is not None}
    for path in (path for path in pristine.rglob("*") if path.is_file() and path != record):
        name = path.relative_to(pristine)
        if str(name) not in edited:
            _update(tree / name, _read(path))
    _update(record, json.dumps(sorted(change.file for change in found if change.before is None)))
    changed = False
    for change in found:
        if change.before is not None:
            _update(pristine / change.file, change.before)
        changed |= _update(tree / change.file, change.after) and change.before is None
    for change in found:
        if changed and change.unit:
            (tree / change.file).touch()


def _earlier(record: Path) -> set[str]:
    return set(json.loads(_read(record))) if record.is_file() else set()


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="surrogateescape")


def _update(path: Path, text: str) -> bool:
    """Write a file, unless it has that text; whether it was written."""
    if path.is_file() and _read(path) == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    return True


def _first_text(file: str, tree: Path, pristine: Path) -> str:
    for folder in (pristine, tree):
        if (folder / file).is_file():
            return _read(folder / file)
    raise VgetrandomError(f"the source has no {file}; is {tree} the libc's source, of a release that is known?")


def _new_files(lift: Lift, shim: Path) -> tuple[dict[str, str], list[str]]:
    """The files to add, with their texts; and those among them that the libc's build compiles."""
    description = lift.description
    sources = _sources(lift, shim)
    contents = {f"{description.core}/{name}": path.read_text(encoding="utf-8") for name, path in sources.items()}
    units = []
    for name in sorted(sources):
        if name.endswith(".c"):
            source = f"{description.core}/{name}"
            unit = description.unit_of(name, lift.arch)
            units.append(unit or source)
            if unit:
                contents[unit] = f'#include "{_way(unit, source)}"\n'
    return contents, units


def _way(start: str, end: str) -> str:
    """How the file `start` includes the file `end`, both below the source."""
    here, there = Path(start).parent.parts, Path(end).parts
    shared = next((n for n, (a, b) in enumerate(zip(here, there)) if a != b), min(len(here), len(there) - 1))
    return "/".join([*[".."] * (len(here) - shared), *there[shared:]])


def _sources(lift: Lift, shim: Path) -> Mapping[str, Path]:
    """All files of the folder `core`, by their names in it."""
    core, arch = shim / "core", _NAMES_IN_CORE.get(lift.machine, lift.machine)
    if not (core / "arch" / f"{arch}.h").is_file():
        raise VgetrandomError(f"there is no vDSO getrandom on {lift.machine}, so nothing to prototype")
    kept = {f"{name}.c" for name in (*_VECTORS.get(lift.machine, ()), f"choose-{arch}")} if lift.bulk else set()
    kept = kept or {"choose-none.c"}
    found = {str(path.relative_to(core)): path for path in sorted(core.rglob("*.[ch]"))}
    found = {name: path for name, path in found.items() if not name.startswith("chacha/") or _wanted(name, kept)}
    for name in [name for name in found if name in ("slots.c", "slots.h")]:
        del found[name]
    host = {path.name: path for path in sorted(lift.description.host.iterdir()) if path.name != FILE}
    return {**found, **host, **lift.allocator.files}


def _wanted(name: str, kept: set[str]) -> bool:
    return name.endswith(".h") or Path(name).name in kept
