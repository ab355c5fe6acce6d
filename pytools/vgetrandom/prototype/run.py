"""One prototype, from an order to a folder and a patch."""

from __future__ import annotations

import contextlib
import json
import platform
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..conformance.libc_folder import look
from ..errors import VgetrandomError
from ..preload.builder import host_compiler
from ..preload.library import source_path
from . import glibc, musl
from .allocator import find_allocator, in_users_words
from .building import Job, Progress, put, require_free, require_place
from .description import Description, read_description
from .lift import Change, Lift, changes, write
from .patch import Size, as_patch, size
from .source import copy_source, fetch_release, version_of

_BUILDERS = {"glibc": glibc.build, "musl": musl.build}
LIBCS = tuple(_BUILDERS)
_TOOLS = {"glibc": {**glibc.TOOLS, "make": "make"}, "musl": {"make": "make"}}


@dataclass(frozen=True)
class Order:
    """What to make. One of `source` and `release` is there, and one of `patch` and `output` at least."""

    libc: str
    source: Path | None
    release: str | None
    allocator: str  # as find_allocator() takes it
    bulk: bool
    patch: Path | None
    output: Path | None
    work: Path | None
    static: bool
    jobs: int


@dataclass(frozen=True)
class Outcome:
    """`sizes`: for each built file what size(1) says of it; `seconds` for everything but the fetching."""

    version: str
    allocator: str
    size: Size | None
    sizes: tuple[tuple[str, str], ...]
    seconds: float


def make(order: Order, progress: Progress) -> Outcome:
    """Raises VgetrandomError when a source is not to be had or has moved on, or a build fails."""
    shim = source_path() / "shim"
    description = read_description(shim / "hosts", order.libc)
    if order.output:
        require_free(order.output)
        require_place(order.output.parent, "-o")
        _require_plain(order.output)
        _require_tools(order.libc)
    if order.patch:
        _require_file(order.patch)
    allocator = find_allocator(shim, order.allocator)
    with _working_folder(order.work) as work:
        tree = _source(order, description, work, progress)
        began = time.monotonic()
        version = version_of(tree, order.libc)
        found: list[Change] = []
        if allocator:
            lift = Lift(description, allocator, order.bulk, platform.machine(), version)
            found = changes(lift, shim, tree, work / "pristine")
        if order.patch:
            order.patch.write_text(as_patch(found), encoding="utf-8", errors="surrogateescape")
        write(found, tree, work / "pristine")
        name = allocator.name if allocator else "none"
        facts = {"libc": order.libc, "version": version, "allocator": name, "bulk": order.bulk}
        try:
            sizes = _build(order, tree, work, progress, facts) if order.output else ()
        except VgetrandomError as error:
            raise VgetrandomError(in_users_words(str(error), allocator)) from error
    return Outcome(version, name, size(found) if allocator else None, sizes, time.monotonic() - began)


def _build(
    order: Order, tree: Path, work: Path, progress: Progress, facts: dict[str, object]
) -> tuple[tuple[str, str], ...]:
    assert order.output
    (work / "build").mkdir(exist_ok=True)
    stage = work / "stage"
    shutil.rmtree(stage, ignore_errors=True)
    job = Job(tree, work / "build", stage, order.output, host_compiler(), order.static, order.jobs, progress)
    _BUILDERS[order.libc](job)
    put(stage, order.output, facts)
    libc = look(order.output)
    return tuple(
        (str(path.relative_to(order.output)), _sizes(path))
        for path in sorted({libc.libc, *order.output.rglob("libc.a")})
    )


def _sizes(path: Path) -> str:
    """Bytes of the file, and of what it has in memory."""
    words = ["size", "-t", str(path)] if path.suffix == ".a" else ["size", str(path)]
    done = subprocess.run(words, capture_output=True, text=True)
    text, data, bss = (done.stdout.splitlines()[-1].split() if done.returncode == 0 else ["?"] * 3)[:3]
    return f"{path.stat().st_size:,} bytes; text {text}, data {data}, bss {bss}"


@contextlib.contextmanager
def _working_folder(kept: Path | None) -> Iterator[Path]:
    if kept:
        require_place(kept, "--work")
        kept.mkdir(parents=True, exist_ok=True)
        _require_plain(kept.resolve())
        yield kept.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="vgetrandom-prototype-") as folder:
        yield Path(folder).resolve()


def _source(order: Order, description: Description, work: Path, progress: Progress) -> Path:
    """The tree of an earlier run in this working folder is taken as it is.

    Raises VgetrandomError when that is of another source.
    """
    tree, record = work / "source", work / "origin.json"
    origin = {"libc": order.libc, "source": str(order.source and order.source.resolve()), "release": order.release}
    if tree.is_dir():
        if not record.is_file() or json.loads(record.read_text(encoding="utf-8")) != origin:
            raise VgetrandomError(f"{work} is of another source; give --work a folder for this one, or remove it")
        return tree
    progress(f"getting {order.libc}'s source", 0, 0)
    if order.source:
        copy_source(order.source.resolve(), tree, order.libc)
    else:
        fetch_release(order.release or "", tree, description)
    record.write_text(json.dumps(origin), encoding="utf-8")
    return tree


def _require_file(path: Path) -> None:
    """Raises VgetrandomError when a file can't be written there."""
    if path.is_dir() or not path.parent.is_dir():
        what = f"{path} is a folder" if path.is_dir() else f"there is no folder {path.parent}"
        raise VgetrandomError(f"{what}; give --patch a file to write")
    require_place(path.absolute().parent, "--patch")


def _require_plain(path: Path) -> None:
    """Raises VgetrandomError for a path that a makefile or a shell takes for something else."""
    found = re.search(r"[^\w./+@,=~-]", str(path))
    if found:
        raise VgetrandomError(f"{path} has {found[0]!r} in it, which the build of a libc does not bear; name another")


def _require_tools(libc: str) -> None:
    for tool, package in _TOOLS[libc].items():
        if shutil.which(tool) is None:
            raise VgetrandomError(f"{tool} is not installed; a libc can't be built without (Debian: {package})")
    if not host_compiler():
        raise VgetrandomError("there is no C compiler; install one (Debian: gcc)")
