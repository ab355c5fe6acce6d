"""Everything that one ELF file says by itself about random calls; bounded in memory and, by `time_limit`, in time."""

from __future__ import annotations

import contextlib
import enum
import errno
import itertools
import os
import re
import signal
import stat
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType

from .golang import go_version, is_go
from .image import Image, Malformed, NotElf, Segment
from .instructions import REACH, Traces, find_traces
from .x86_64 import SyscallCalls

SECONDS_PER_FILE = 20.0
BYTES_PER_FILE = 1 << 30
_CHUNK = 4 << 20
_OVERLAP = 4096  # at least the longest text looked for, and a multiple of every instruction alignment

DRAWS = frozenset(("getrandom", "getentropy", "arc4random", "arc4random_buf", "arc4random_uniform"))
# Names that libc fills with its own random numbers, by a call that nothing can interpose (glibc 2.36: tempname.c).
TEMPORARY_NAMES = frozenset(
    name + suffix
    for name in ("mkstemp", "mkostemp", "mkstemps", "mkostemps", "tmpfile", "mkdtemp", "mktemp", "tempnam", "tmpnam")
    for suffix in ("", "64")
)
LOADERS = frozenset(("dlopen", "dlmopen"))
_SYMBOLS = DRAWS | TEMPORARY_NAMES | LOADERS | {"syscall", "dlsym", "dlvsym"}
_MAX_NAMES = 4096  # places in a string table where one name is looked for
DEVICES = (b"/dev/urandom", b"/dev/random")
_VDSO_NAMES = (b"__vdso_getrandom", b"__kernel_getrandom")
# Begins with the rare part: a search for the whole name is ten times slower.
_LIBRARY_END = re.compile(rb"\.so(?:\.[0-9]{1,4}){0,3}\0")
_LIBRARY_NAME = re.compile(rb"[\w/+][\w./+-]{3,119}\Z")
_MAX_PLUGINS = 16
_GLIBC = re.compile(rb"GNU C Library \([^)\0]{1,80}\) [a-z]+ release version (\d+\.\d+)")
_MUSL = re.compile(rb"\0(\d\.\d\.\d+)(?:-git[\w-]*)?\0")


class Kind(str, enum.Enum):
    """What a file is to the loader."""

    PROGRAM = "program"  # names a loader
    STATIC = "static program"
    LIBRARY = "library"


@dataclass(frozen=True)
class Facts:
    """One ELF file. Paths and names as they stand in it."""

    kind: Kind
    machine: str  # "EM_X86_64"
    bits: int
    interpreter: str
    soname: str
    needed: tuple[str, ...]
    rpath: tuple[str, ...]
    runpath: tuple[str, ...]
    default_folders: bool  # false: linked with -z nodefaultlib
    imports: frozenset[str]  # of the symbols that matter here
    exports: frozenset[str]
    glibc: str  # the newest GLIBC_ version among its dynamic symbols': required or, in libc itself, defined
    libc_release: str  # in libc itself: what its banner says
    traces: Traces
    names_getrandom: bool  # as text outside its symbol names: for dlsym
    names_vdso: bool  # the name of the vDSO's getrandom
    devices: tuple[str, ...]
    plugins: tuple[str, ...]  # shared libraries named in its data that it doesn't need, when it can load any
    go: bool
    go_version: str | None
    partial: bool  # larger than BYTES_PER_FILE: the rest was not read


@dataclass(frozen=True)
class Problem:
    """Why a file could not be read, in a few words."""

    message: str


class _TooLong(Exception):
    pass


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise _TooLong in the block after `seconds` of our processor time: a busy machine takes nothing of them.

    Does nothing outside a process's main thread (signal(2)).
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise _TooLong

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def read_facts(path: str) -> Facts | Problem | None:
    """Facts about an ELF program or library; None for any other file; a Problem when it can't be read or believed."""
    try:
        with time_limit(SECONDS_PER_FILE):
            return _read(path)
    except NotElf:
        return None
    except Malformed as error:
        return Problem(f"damaged: {error}")
    except _TooLong:
        return Problem(f"given up after {SECONDS_PER_FILE:.0f} seconds of processor time")
    except MemoryError:
        return Problem("given up: not enough memory")
    except OSError as error:
        return Problem((error.strerror or str(error)).lower())


def _read(path: str) -> Facts | None:
    # Without O_NONBLOCK a FIFO that takes a file's place would hold us up.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb", buffering=0) as stream:
        mode = os.fstat(stream.fileno()).st_mode
        if stat.S_ISDIR(mode):
            raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(mode):
            return None
        image = Image(stream)
        kind = _kind(image)
        return None if kind is None else _facts(image, kind)


def _kind(image: Image) -> Kind | None:
    dynamic_flags = image.dynamic.get("DT_FLAGS_1", [0])[0]
    pie = bool(dynamic_flags & 0x08000000)  # DF_1_PIE
    if image.type == "ET_EXEC":
        return Kind.PROGRAM if image.interpreter else Kind.STATIC
    if image.type != "ET_DYN":
        return None
    if image.interpreter and (pie or "DT_SONAME" not in image.dynamic):
        return Kind.PROGRAM
    return Kind.STATIC if pie else Kind.LIBRARY


def _facts(image: Image, kind: Kind) -> Facts:
    strings = image.dynamic_strings()
    imports, exports, indexes = _interesting_symbols(image, strings)
    soname = next(iter(_texts(image, strings, "DT_SONAME")), "")
    needed = tuple(_texts(image, strings, "DT_NEEDED"))
    contents = _Contents(image, plugins=bool(LOADERS & imports), syscall_index=indexes.get("syscall"))
    release = go_version(image)
    return Facts(
        kind=kind,
        machine=image.machine,
        bits=image.bits,
        interpreter=image.interpreter,
        soname=soname,
        needed=needed,
        rpath=_folders(image, strings, "DT_RPATH"),
        runpath=_folders(image, strings, "DT_RUNPATH"),
        default_folders=not image.dynamic.get("DT_FLAGS_1", [0])[0] & 0x800,  # DF_1_NODEFLIB
        imports=imports,
        exports=exports,
        glibc=_newest_glibc(strings),
        libc_release=contents.libc_release,
        traces=contents.traces,
        names_getrandom=contents.names_getrandom,
        names_vdso=contents.names_vdso,
        devices=tuple(sorted(contents.devices)),
        plugins=tuple(sorted(contents.plugins - {soname, image.interpreter, *needed}))[:_MAX_PLUGINS],
        go=release is not None or is_go(image),
        go_version=release,
        partial=contents.partial,
    )


def _text_at(strings: bytes, offset: int) -> str:
    return strings[offset : offset + 4096].split(b"\0", 1)[0].decode(errors="replace")


def _texts(image: Image, strings: bytes, tag: str) -> list[str]:
    return [_text_at(strings, offset) for offset in image.dynamic.get(tag, [])]


def _folders(image: Image, strings: bytes, tag: str) -> tuple[str, ...]:
    return tuple(folder for text in _texts(image, strings, tag) for folder in text.split(":") if folder)


def _interesting_symbols(image: Image, strings: bytes) -> tuple[frozenset[str], frozenset[str], dict[str, int]]:
    """Imported names out of _SYMBOLS, exported ones, and the imported ones' places in the symbol table.

    Comparing offsets is much quicker than decoding every name.
    """
    offsets: dict[int, str] = {}
    for name in _SYMBOLS:
        needle = name.encode() + b"\0"
        position = strings.find(needle)
        for _ in range(_MAX_NAMES):
            if position < 0:
                break
            offsets[position] = name
            position = strings.find(needle, position + 1)
    imports: dict[str, int] = {}
    exports: set[str] = set()
    if offsets:
        for index, (offset, defined) in enumerate(image.symbols()):
            if offset in offsets and defined:
                exports.add(offsets[offset])
            elif offset in offsets:
                imports[offsets[offset]] = index
    return frozenset(imports), frozenset(exports), imports


def _newest_glibc(strings: bytes) -> str:
    versions = {tuple(map(int, text.split(b"."))) for text in re.findall(rb"GLIBC_(\d{1,3}(?:\.\d{1,3})+)\0", strings)}
    return ".".join(map(str, max(versions))) if versions else ""


def _library_names(data: bytes) -> Iterator[str]:
    """C strings in `data` that name a shared library."""
    for found in _LIBRARY_END.finditer(data):
        name = data[max(0, found.start() - 120) : found.end() - 1].rpartition(b"\0")[2]
        if _LIBRARY_NAME.match(name):
            yield name.decode()


class _Contents:
    """What stands in the loaded bytes, read once in chunks."""

    def __init__(self, image: Image, plugins: bool, syscall_index: int | None) -> None:
        self.traces = Traces()
        self._syscall_index = syscall_index
        self._syscalls: SyscallCalls | None = None
        self.names_getrandom = False
        self.names_vdso = False
        self.devices: set[str] = set()
        self.plugins: set[str] = set()
        self.libc_release = ""
        self.partial = False
        self._image = image
        self._wants_plugins = plugins
        self._musl = False
        budget = BYTES_PER_FILE
        for load in image.loads:
            self._read_segment(load, min(load.size, budget))
            self.partial |= load.size > budget
            budget -= min(load.size, budget)

    def _read_segment(self, load: Segment, size: int) -> None:
        for start in range(0, size, _CHUNK):
            data = self._image.read(load.offset + start, min(_CHUNK + _OVERLAP, size - start))
            self._look_for_texts(data, load, start)
            if load.executable and not (self.traces.raw and self.traces.argument):
                self._look_for_code(data[: _CHUNK + REACH], load.address + start)

    def _look_for_code(self, code: bytes, address: int) -> None:
        def is_call(following: bytes, offset: int) -> bool:
            if self._syscall_index is None or self._image.machine != "EM_X86_64":
                return self._syscall_index is not None
            if self._syscalls is None:
                self._syscalls = SyscallCalls(self._image, self._syscall_index)
            return self._syscalls.follows(following, address + offset)

        self.traces |= find_traces(self._image.machine, code, is_call)

    def _look_for_texts(self, data: bytes, load: Segment, start: int) -> None:
        self.devices.update(device.decode() for device in DEVICES if device in data)
        self.names_vdso |= any(name in data for name in _VDSO_NAMES)
        if not self.names_getrandom:
            self.names_getrandom = self._has_getrandom_outside_symbols(data, load.address + start)
        if self._wants_plugins and not load.executable:
            self.plugins.update(itertools.islice(_library_names(data), _MAX_PLUGINS))
        if not self.libc_release and b"GNU C Library (" in data:
            banner = _GLIBC.search(data)
            self.libc_release = banner[1].decode() if banner else ""
        self._musl |= b"musl libc (" in data
        if self._musl and not self.libc_release:
            release = _MUSL.search(data)
            self.libc_release = release[1].decode() if release else ""

    def _has_getrandom_outside_symbols(self, data: bytes, address: int) -> bool:
        strings = self._image.dynamic.get("DT_STRTAB", [0])[0]
        end = strings + self._image.dynamic.get("DT_STRSZ", [0])[0]
        position = data.find(b"getrandom\0")
        for _ in range(_MAX_NAMES):
            if position < 0:
                return False
            # Rust packs its strings without separators: any character but that of a longer name may precede.
            if not strings <= address + position < end and data[position - 1 : position] != b"_":
                return True
            position = data.find(b"getrandom\0", position + 1)
        return False
