"""Judging many files: read each once, in as many processes as there are processors, then resolve and judge."""

from __future__ import annotations

import concurrent.futures
import ctypes
import os
import resource
import signal
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

from ..errors import VgetrandomError
from .closure import Closure, Loader, Root
from .elf_facts import Facts, Kind, Problem, read_facts
from .verdict import Judgement, judge

_WORTH_A_POOL = 64  # files; below that starting processes takes longer
_FILES_A_TASK = 8
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_WORKER_MEMORY = 4 << 30  # bytes of address space

Progress = Callable[[int, int], None]  # files done, files known so far


@dataclass(frozen=True)
class Target:
    """A file to judge, and what it takes for `/`."""

    path: str
    root: Root


@dataclass(frozen=True)
class Row:
    """One judged file."""

    path: str
    facts: Facts
    judgement: Judgement
    missing: tuple[str, ...]


@dataclass(frozen=True)
class Trouble:
    """A file or folder that could not be judged, and why."""

    path: str
    message: str


@dataclass(frozen=True)
class Survey:
    """What a scan found; `other` counts the files that are neither ELF programs nor libraries."""

    rows: tuple[Row, ...]
    troubles: tuple[Trouble, ...]
    other: int


class FactStore:
    """Facts by file, each file read once however many names it has."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], Facts | Problem | None] = {}
        self._keys: dict[str, tuple[int, int]] = {}

    def __call__(self, path: str) -> Facts | Problem | None:
        """What `read_facts` says about `path`."""
        key = self._key(path)
        if key not in self._known:
            self._known[key] = read_facts(path)
        return self._known[key]

    def unknown(self, paths: Iterable[str]) -> list[str]:
        """One path for each file that has not been read."""
        return list({key: path for path in paths if (key := self._key(path)) not in self._known}.values())

    def add(self, path: str, facts: Facts | Problem | None) -> None:
        """Remember what a worker read."""
        self._known[self._key(path)] = facts

    def _key(self, path: str) -> tuple[int, int]:
        if path not in self._keys:
            try:
                status = Path(path).stat()
                self._keys[path] = (status.st_dev, status.st_ino)
            except (OSError, ValueError):
                self._keys[path] = (-1, len(self._keys))
        return self._keys[path]


def survey(targets: Sequence[Target], library_path: Sequence[str] = (), progress: Progress | None = None) -> Survey:
    """Judge every target. `library_path` is LD_LIBRARY_PATH's folders. Raises VgetrandomError when workers die."""
    store = FactStore()
    loaders = {root: Loader(store, root, library_path) for root in {target.root for target in targets}}
    _read_all(store, targets, loaders, progress or (lambda _done, _known: None))
    rows: list[Row] = []
    troubles: list[Trouble] = []
    other = 0
    for target in targets:
        facts = store(target.path)
        if facts is None:
            other += 1
        elif isinstance(facts, Problem):
            troubles.append(Trouble(target.path, facts.message))
        else:
            closure = loaders[target.root].closure(target.path, facts)
            rows.append(judge_file(target.path, closure))
    return Survey(tuple(rows), tuple(troubles), other)


def judge_file(path: str, closure: Closure, privilege: str | None = None) -> Row:
    """One row; `privilege` as `judge` takes it, by default what the file's own mode says."""
    facts = closure.program.facts
    if privilege is None:
        privilege = privilege_of(path) if facts.kind is not Kind.LIBRARY else ""
    return Row(path, facts, judge(closure, privilege), closure.missing)


def privilege_of(path: str) -> str:
    """Why a program starts in secure-execution mode for other users (ld.so(8)); empty when it does not."""
    try:
        mode = Path(path).stat().st_mode
        if mode & stat.S_ISUID:
            return "set-uid"
        if mode & stat.S_ISGID and mode & stat.S_IXGRP:
            return "set-gid"
        os.getxattr(path, "security.capability")
        return "file capabilities"
    except OSError:
        return ""


def files_below(folder: str, troubles: list[Trouble]) -> Iterator[str]:
    """Regular files at any depth; links to folders are not followed, so that there are no loops."""

    def refused(error: OSError) -> None:
        troubles.append(Trouble(str(error.filename), (error.strerror or str(error)).lower()))

    for parent, folders, names in os.walk(folder, onerror=refused):
        folders.sort()
        for name in sorted(names):
            path = f"{parent}/{name}"
            if _is_regular(path):
                yield path


def files_in(folders: Iterable[str]) -> Iterator[str]:
    """Files directly in the folders of a PATH, links included, each file once."""
    for folder in folders:
        try:
            names = sorted(path.name for path in Path(folder).iterdir())
        except OSError:
            continue  # PATH may name folders that don't exist
        yield from (f"{folder}/{name}" for name in names if os.access(f"{folder}/{name}", os.X_OK))


def distinct(targets: Iterable[Target], keep: set[str]) -> list[Target]:
    """The targets without second names of the same file, but for the paths to `keep`."""
    seen: set[tuple[int, int]] = set()
    result = []
    for target in targets:
        try:
            status = Path(target.path).stat()
        except OSError:
            result.append(target)  # its trouble is told when it is read
            continue
        key = (status.st_dev, status.st_ino)
        if target.path in keep or (key not in seen and not stat.S_ISDIR(status.st_mode)):
            seen.add(key)
            result.append(target)
    return result


def _is_regular(path: str) -> bool:
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return False


def _prepare_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which stops us
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # in this way
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # nobody stops us when the parent is killed
    resource.setrlimit(resource.RLIMIT_AS, (_WORKER_MEMORY, _WORKER_MEMORY))


def _read_all(store: FactStore, targets: Sequence[Target], loaders: dict[Root, Loader], progress: Progress) -> None:
    """Read the targets, then round by round the libraries that they will need."""
    waiting = {target.path: target.root for target in targets}
    done, known = 0, 0
    workers = len(os.sched_getaffinity(0))
    pool: concurrent.futures.ProcessPoolExecutor | None = None
    try:
        while todo := store.unknown(waiting):
            known += len(todo)
            if pool is None and len(todo) >= _WORTH_A_POOL and workers > 1:
                pool = concurrent.futures.ProcessPoolExecutor(workers, initializer=_prepare_worker)
            results = pool.map(read_facts, todo, chunksize=_FILES_A_TASK) if pool else map(read_facts, todo)
            upcoming: dict[str, Root] = {}
            for path, facts in zip(todo, results):
                store.add(path, facts)
                done += 1
                progress(done, known)
                if isinstance(facts, Facts):
                    root = waiting[path]
                    upcoming.update((guess, root) for guess in loaders[root].guesses(path, facts))
            waiting = upcoming
    except BrokenProcessPool as error:
        raise VgetrandomError("a process that read files was killed, for lack of memory perhaps; scan less") from error
    finally:
        if pool:
            pool.shutdown(wait=False, cancel_futures=True)
