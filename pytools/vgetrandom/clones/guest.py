"""The files of a guest that is cloned: init, its plan, and the contenders in root file systems of their own."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..matrix.initramfs import Initramfs
from ..preload.library import LIBRARY_NAME
from .contenders import DISK, HOST, Contender

FOLDER = "/vgetrandom"  # all of ours in the guest; native/plan.h knows it
INIT = f"{FOLDER}/init"
_LIBRARY = f"/{LIBRARY_NAME}"  # in each root
_SCRIPTS = Path(__file__).parent / "scripts"
_NOT_NEEDED = {  # folders of packages
    *("doc", "man", "lintian", "locale", "posix", "right", "gconv", "audit", "bitcode", "include", "gems", "@types"),
    *("ensurepip", "idlelib", "pydoc_data", "lib2to3", "__pycache__", "static"),
}
_ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin",
    "HOME": "/",
    "LANG": "C.UTF-8",
    "PYTHONUNBUFFERED": "1",
}


@dataclass(frozen=True)
class Amount:
    """How much contenders draw after the snapshot: until each has so many draws (lines), or the time is over."""

    draws: int
    lines: int
    milliseconds: int  # of the guest's clock


@dataclass(frozen=True)
class Parts:
    """What a guest is made of, as files of this host.

    roots       by name: folders that stand for `/`
    host        files of this host, by their absolute paths: the root HOST
    base        an initramfs of the user's, in which programs without a root of their own run
    modules     kernel modules, in the order in which they are loaded
    """

    init: Path
    library: Path
    draws: Mapping[str, Path]
    roots: Mapping[str, Path]
    host: Mapping[str, Path] = field(default_factory=dict)
    base: Path | None = None
    modules: Sequence[bytes] = ()


def write_guest(output: Path, parts: Parts, contenders: Sequence[Contender], amount: Amount, idle: bool) -> None:
    """Write the initramfs; `idle`: contenders run only when the kernel has nothing else to do."""
    archive = Initramfs()
    archive.device("/dev/console", 5, 1)
    archive.file(INIT, parts.init.read_bytes())
    archive.file(f"{FOLDER}/plan", plan(contenders, amount, idle), 0o644)
    archive.folder("/proc")
    archive.file(_LIBRARY, parts.library.read_bytes())
    for number, module in enumerate(parts.modules):
        archive.file(f"{FOLDER}/modules/{number}", module, 0o644)
    for name in dict.fromkeys(one.root for one in contenders if one.root not in ("", DISK)):
        files = parts.host.items() if name == HOST else _files_of(parts.roots[name])
        _add_root(archive, _place(name), files, parts.library)
    for one in contenders:
        if one.draw:
            archive.file(f"{_place(one.root)}{_draw(one)}", parts.draws[one.draw[0]].read_bytes())
    archive.write(output, packed=False)
    if parts.base:
        _put_before(parts.base, output)


def processes(contenders: Sequence[Contender]) -> list[Contender]:
    """Whose each process of the plan is. The number of a process is its place here."""
    return [one for one in contenders for _ in range(one.processes)]


def plan(contenders: Sequence[Contender], amount: Amount, idle: bool) -> bytes:
    """What init.c reads; native/plan.h has the form."""
    disk = any(one.root == DISK for one in contenders)
    words = [str(amount.draws), str(amount.lines), str(amount.milliseconds)]
    words += ["idle" if idle else "", "disk" if disk else ""]
    for number, one in enumerate(processes(contenders)):
        library = {"LD_PRELOAD": f"/tmp{_LIBRARY}" if one.root == DISK else _LIBRARY} if one.library else {}
        setting = {"VGETRANDOM": one.setting} if one.setting else {}
        environment = {**_ENVIRONMENT, **library, **setting}
        words += [one.label, "draw" if one.draw else "lines", _place(one.root)]
        words += [*(f"{name}={value}" for name, value in environment.items()), ""]
        words += [*([_draw(one), str(number), *one.draw[1:]] if one.draw else one.lines), ""]
    return b"".join(word.encode() + b"\0" for word in words)


def _place(root: str) -> str:
    return f"{FOLDER}/roots/{root}" if root else "/"


def _draw(contender: Contender) -> str:
    return f"/draw-{contender.draw[0]}"


def _add_root(archive: Initramfs, place: str, files: Iterable[tuple[str, Path]], library: Path) -> None:
    """Files by their absolute paths in that root, and what every root has."""
    for inside, path in files:
        if path.is_symlink():
            archive.link(f"{place}{inside}", str(path.readlink()))
        elif path.is_file():
            archive.file(f"{place}{inside}", path.read_bytes(), stat.S_IMODE(path.stat().st_mode))
    archive.folder(f"{place}/proc")
    archive.folder(f"{place}/tmp", 0o1777)
    archive.device(f"{place}/dev/null", 1, 3, 0o666)
    archive.device(f"{place}/dev/urandom", 1, 9, 0o666)
    archive.file(f"{place}{_LIBRARY}", library.read_bytes())
    for script in sorted(path for path in _SCRIPTS.iterdir() if path.is_file()):
        archive.file(f"{place}/{script.name}", script.read_bytes(), 0o644)


def _files_of(root: Path) -> Iterator[tuple[str, Path]]:
    return ((f"/{path.relative_to(root)}", path) for path in _walk(root))


def _walk(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        yield path
        if path.is_dir() and not path.is_symlink() and path.name not in _NOT_NEEDED:
            yield from _walk(path)


def _put_before(base: Path, output: Path) -> None:
    """The kernel unpacks one archive after the other (Documentation/driver-api/early-userspace/buffer-format.rst)."""
    ours = output.read_bytes()
    theirs = base.read_bytes()
    output.write_bytes(theirs + b"\0" * (-len(theirs) % 4) + ours)
