"""What is done to a libc's source: shim/hosts/LIBC/prototype.toml, read."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import VgetrandomError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FILE = "prototype.toml"
_PLACES = ("after", "before", "replace")


@dataclass(frozen=True)
class Edit:
    """One edit of one file: whole lines, put beside or in place of an anchor that is there exactly once."""

    why: str
    file: str  # below the source
    place: str  # "after", "before" or "replace"
    anchor: str  # whole lines
    add: str  # whole lines; {arch}, {core}, {units} and {unit_names} are filled in
    condition: str  # "bulk", or an allocator's function: only if it is there; "": always
    releases: tuple[str, str]  # the first and last version of the libc that it is for; "" for no limit
    others: tuple[str, ...] = ()  # what is there in place of the anchor in some sources of these versions

    def applies(self, version: str, features: frozenset[str]) -> bool:
        first, last = self.releases
        number = numbers(version)
        if self.condition and self.condition not in features:
            return False
        return (not first or numbers(first) <= number) and (not last or number <= numbers(last))


@dataclass(frozen=True)
class Description:
    """`core` and the units are places below the source; {arch} in them is the libc's name of the architecture."""

    libc: str
    host: Path  # the folder of the host's own files
    releases: Mapping[str, str]  # a version: the suite of Debian that has its source
    architectures: Mapping[str, str]  # uname(2)'s name: the libc's
    core: str  # the folder for all sources and headers
    unit: str  # the file that the libc's build compiles for a source NAME.c, which includes it; "": the source itself
    units: Mapping[str, str]  # the same for single sources
    edits: tuple[Edit, ...]

    def unit_of(self, source: str, arch: str) -> str:
        """Where the one-line file for a source is, below the libc's source; "" where there is none."""
        return self.units.get(source, self.unit).format(arch=arch, name=Path(source).stem)


def numbers(version: str) -> tuple[int, ...]:
    """A version's numbers, to be compared. Only the leading ones: "2.41.9000" is (2, 41, 9000)."""
    found = []
    for word in version.split("."):
        if not word.isdigit():
            break
        found.append(int(word))
    return tuple(found)


def read_description(hosts: Path, libc: str) -> Description:
    """Raises VgetrandomError when there is none, or it is not what it should be."""
    path = hosts / libc / FILE
    try:
        with path.open("rb") as stream:
            document: dict[str, Any] = tomllib.load(stream)
        files = document["files"]
        return Description(
            libc,
            path.parent,
            document["releases"],
            document.get("architectures", {}),
            files["core"],
            files.get("unit", ""),
            files.get("units", {}),
            tuple(_edit(table) for table in document["edit"]),
        )
    except OSError as error:
        raise VgetrandomError(f"{path} can't be read ({error.strerror}); install vgetrandom again") from error
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise VgetrandomError(f"{path} does not describe a libc's edits: {error}") from error


def _edit(table: Mapping[str, Any]) -> Edit:
    place = next((name for name in _PLACES if name in table), None)
    if place is None:
        raise ValueError(f"an edit of {table['file']} needs one of {', '.join(_PLACES)}")
    anchors = table[place] if isinstance(table[place], list) else [table[place]]
    add = str(table["add"])
    if not all(anchor.endswith("\n") for anchor in anchors) or (add and not add.endswith("\n")):
        raise ValueError(f"an edit of {table['file']} is not of whole lines")
    return Edit(
        table["why"],
        table["file"],
        place,
        anchors[0],
        add,
        table.get("if", ""),
        (table.get("from", ""), table.get("to", "")),
        tuple(anchors[1:]),
    )
