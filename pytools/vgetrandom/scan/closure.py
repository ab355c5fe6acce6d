"""Which libraries a program gets: DT_NEEDED resolved as its loader would, from the files alone.

glibc (ld.so(8)): RPATH of the object and of those that loaded it, unless it has a RUNPATH; LD_LIBRARY_PATH; RUNPATH of
the object itself; ld.so.cache; the default folders. Variants for particular processors (glibc-hwcaps) are the same
library compiled again, and not looked at.
musl (its ldso/dynlink.c): LD_LIBRARY_PATH; RPATH or RUNPATH of the object and of those that loaded it; the folders
named in /etc/ld-musl-ARCH.path. Names such as libpthread.so.0 stand for musl itself.

Both pass over a file of another ELF class or machine, and load nothing twice.
"""

from __future__ import annotations

import errno
import os
import stat
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Union

from ..system.files import read_regular
from ..system.ldcache import read_cache
from .elf_facts import Facts, Problem

Reader = Callable[[str], Union[Facts, Problem, None]]

MAX_OBJECTS = 4096
_MAX_LINKS = 40  # as the kernel's limit for one path
_TRIPLETS = {
    "EM_X86_64": "x86_64-linux-gnu",
    "EM_AARCH64": "aarch64-linux-gnu",
    "EM_RISCV": "riscv64-linux-gnu",
    "EM_PPC64": "powerpc64le-linux-gnu",
    "EM_S390": "s390x-linux-gnu",
    "EM_LOONGARCH": "loongarch64-linux-gnu",
    "EM_386": "i386-linux-gnu",
    "EM_ARM": "arm-linux-gnueabihf",
}
_PLATFORMS = {"EM_X86_64": "x86_64", "EM_AARCH64": "aarch64"}
_MUSL_ITSELF = tuple(f"lib{name}." for name in ("c", "pthread", "rt", "m", "dl", "util", "xnet"))
_MUSL_DEFAULT = "/lib:/usr/local/lib:/usr/lib"


@dataclass(frozen=True)
class Object:
    """One file of a closure. `path` can be opened; `seen_as` is where the program finds it, below its own root."""

    path: str
    seen_as: str
    facts: Facts
    loaded_by: tuple[Object, ...]  # the nearest first, the program last

    @property
    def name(self) -> str:
        """What a person calls it."""
        return self.seen_as.rpartition("/")[2]


@dataclass(frozen=True)
class Closure:
    """A program, the libraries that load with it in the loader's order, and the names that were not found."""

    objects: tuple[Object, ...]
    missing: tuple[str, ...]

    @property
    def program(self) -> Object:
        return self.objects[0]


@dataclass(frozen=True)
class Root:
    """A folder that a program takes for `/`: a container's, a chroot's, an unpacked package's, or `/` itself.

    With `fallback`, what is not there is looked for on the host.
    """

    folder: str = "/"
    fallback: bool = False

    def locate(self, path: str) -> Iterator[str]:
        """Openable names of what a program calls `path`."""
        if self.folder == "/":
            yield path
            return
        inside = self._inside(path)
        if inside:
            yield inside
        if self.fallback:
            yield path

    def seen_as(self, path: str) -> str:
        """The inverse, for a path of the host."""
        inside = self.folder != "/" and path.startswith(self.folder + "/")
        return path[len(self.folder) :] if inside else path

    def _inside(self, path: str) -> str:
        """Follow links as if the folder were `/`; empty when the file is not there or its links never end."""
        parts = deque(path.split("/"))
        done: list[str] = []
        links = 0
        while parts:
            part = parts.popleft()
            if part in ("", "."):
                continue
            if part == "..":
                done = done[:-1]
                continue
            here = "/".join((self.folder, *done, part))
            try:
                target = str(Path(here).readlink())
            except OSError as error:
                if error.errno != errno.EINVAL:  # EINVAL: it is there, and no link
                    return ""
                done.append(part)
                continue
            links += 1
            if links > _MAX_LINKS:
                return ""
            if target.startswith("/"):
                done = []
            parts.extendleft(reversed(target.split("/")))
        return "/".join((self.folder, *done))


def uses_musl(facts: Facts) -> bool:
    """Whether musl's loader would load this file."""
    if facts.interpreter:
        return Path(facts.interpreter).name.startswith("ld-musl-")
    return any(name == "libc.so" or name.startswith("libc.musl-") for name in facts.needed)


class Loader:
    """Resolves closures below one root. `read` gives the facts about a file and should remember them."""

    def __init__(self, read: Reader, root: Root, library_path: Sequence[str] = ()) -> None:
        self._read = read
        self._root = root
        self._library_path = [folder for folder in library_path if folder]
        self._files: dict[str, tuple[int, int] | None] = {}
        self._cache: dict[str, list[str]] = {}
        for path in reversed(list(root.locate("/etc/ld.so.cache"))):
            self._cache.update(read_cache(Path(path)))

    def closure(self, path: str, facts: Facts) -> Closure:
        """The program or library `path` with everything it needs, its loader included."""
        seen_as = self._root.seen_as(os.path.realpath(path))
        program = Object(path, seen_as, facts, ())
        musl = uses_musl(facts)
        loaded = {facts.soname or program.name: program}
        files = {self._identity(path)}
        objects, missing = [program], []
        waiting = deque((program, name) for name in self._wanted(program))
        while waiting and len(objects) < MAX_OBJECTS:
            parent, name = waiting.popleft()
            if name in loaded or (musl and name.startswith(_MUSL_ITSELF)):
                continue
            found = self._find(parent, name, musl)
            if found is None:
                loaded[name] = program  # once is enough
                missing.append(name)
                continue
            known = found.facts.soname in loaded or self._identity(found.path) in files
            loaded[name] = found
            if known:
                continue
            loaded[found.facts.soname or name] = found
            files.add(self._identity(found.path))
            objects.append(found)
            waiting.extend((found, wanted) for wanted in found.facts.needed)
        return Closure(tuple(objects), tuple(missing))

    def guesses(self, path: str, facts: Facts) -> Iterator[str]:
        """Files that the closure will probably read next: to read them beforehand, in parallel."""
        program = Object(path, self._root.seen_as(os.path.realpath(path)), facts, ())
        musl = uses_musl(facts)
        for name in self._wanted(program):
            for candidate in self._candidates(program, name, musl):
                if self._identity(candidate):
                    yield candidate
                    break

    def _identity(self, path: str) -> tuple[int, int] | None:
        """Device and inode of a regular file; None for anything else. Asked of the kernel once for each path."""
        if path not in self._files:
            try:
                status = Path(path).stat()
                regular = stat.S_ISREG(status.st_mode)
            except (OSError, ValueError):
                regular = False
            self._files[path] = (status.st_dev, status.st_ino) if regular else None
        return self._files[path]

    def _wanted(self, program: Object) -> Iterator[str]:
        yield from program.facts.needed
        if program.facts.interpreter:
            yield program.facts.interpreter

    def _find(self, parent: Object, name: str, musl: bool) -> Object | None:
        chain = (parent, *parent.loaded_by)
        for seen_as in self._folder_paths(parent, name, musl):
            for path in self._root.locate(seen_as):
                if not self._identity(path):
                    continue
                facts = self._read(path)
                if isinstance(facts, Facts) and (facts.machine, facts.bits) == (
                    parent.facts.machine,
                    parent.facts.bits,
                ):
                    return Object(path, seen_as, facts, chain)
        return None

    def _candidates(self, parent: Object, name: str, musl: bool) -> Iterator[str]:
        for seen_as in self._folder_paths(parent, name, musl):
            yield from self._root.locate(seen_as)

    def _folder_paths(self, parent: Object, name: str, musl: bool) -> Iterator[str]:
        """Where the loader would look, in order."""
        if "/" in name:
            yield name
            return
        folders = self._musl_folders(parent) if musl else self._glibc_folders(parent)
        for folder in folders:
            if folder is _CACHE:
                yield from self._cache.get(name, [])
            else:
                yield f"{folder}/{name}"

    def _glibc_folders(self, parent: Object) -> Iterator[str]:
        if not parent.facts.runpath:
            for loader in (parent, *parent.loaded_by):
                if not loader.facts.runpath:
                    yield from _expand(loader, loader.facts.rpath)
        yield from self._library_path
        yield from _expand(parent, parent.facts.runpath)
        if parent.facts.default_folders:
            yield _CACHE
            triplet = _TRIPLETS.get(parent.facts.machine)
            if triplet:
                yield from (f"/lib/{triplet}", f"/usr/lib/{triplet}")
            if parent.facts.bits == 64:
                yield from ("/lib64", "/usr/lib64")
            yield from ("/lib", "/usr/lib")

    def _musl_folders(self, parent: Object) -> Iterator[str]:
        yield from self._library_path
        for loader in (parent, *parent.loaded_by):
            yield from _expand(loader, loader.facts.runpath or loader.facts.rpath)
        yield from self._musl_system_path((parent, *parent.loaded_by)[-1].facts.interpreter)

    def _musl_system_path(self, interpreter: str) -> list[str]:
        name = Path(interpreter).name.split(".so")[0]
        for path in self._root.locate(f"/etc/{name}.path") if name else ():
            try:
                said = read_regular(Path(path)).decode(errors="surrogateescape")
                return said.replace("\n", ":").strip(":").split(":")
            except OSError:
                continue
        return _MUSL_DEFAULT.split(":")


_CACHE = "ld.so.cache"  # stands for a look-up in it, between folders


def _expand(loader: Object, folders: Sequence[str]) -> Iterator[str]:
    """Replace the loader's tokens in a RPATH or RUNPATH (ld.so(8))."""
    if not folders:
        return
    machine = loader.facts.machine
    values = {
        "ORIGIN": str(Path(loader.seen_as).parent),
        "LIB": f"lib/{_TRIPLETS[machine]}" if machine in _TRIPLETS else "lib",
        "PLATFORM": _PLATFORMS.get(machine, ""),
    }
    for folder in folders:
        expanded = folder
        for token, value in values.items():
            expanded = expanded.replace("${" + token + "}", value).replace("$" + token, value)
        yield expanded
