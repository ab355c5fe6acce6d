"""Who takes part in a run: the libcs, with the library and without, and each file in native/contenders/.

To add one, put a file there (or name it with `--contender FILE`): its first comment after the licence is its label, and
contender_prepare() offers what it can do (native/worker.h).
"""

from __future__ import annotations

import platform
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..conformance.libc_folder import look
from ..conformance.targets import Target, glibc_version, parse_target, require_different, split_label
from ..errors import VgetrandomError
from ..preload.library import library_path
from ..system.debian import fetch
from .building import build_worker, native_folder
from .model import CONTROL, LIBC, SHIM, SHIM_AVX2, SHIM_SSE2, SHIM_VDSO, SYSCALL, VDSO, Participant
from .worker import Absent, Worker

_SHIM = "vgetrandom"  # what tables call the library
_NATIVE_KEYS = {"kernel": SYSCALL, "vdso": VDSO}
_FIRST = ("kernel", "vdso")  # of the files, in tables; the rest by name


@dataclass(frozen=True)
class Contender:
    """One row of the tables, before anybody knows whether it can take part."""

    key: str
    label: str
    source: Path  # a C file of native/contenders/, or a Python worker
    target: str = "native"  # as `vgetrandom conform` names targets
    setting: str = ""  # of the library: what VGETRANDOM says

    @property
    def with_shim(self) -> bool:
        return self.target == "shim" or self.target.endswith("+shim")


def all_contenders(libcs: Sequence[str], files: Sequence[Path]) -> list[Contender]:
    """Everything this host could measure; `files` are further contenders.

    `libcs` are folders or Debian releases, each also as NAME=... to be called NAME. Those without a name are called by
    their version; two of one version get numbers.
    Raises VgetrandomError when a folder holds no libc, a release can't be fetched, or a name stands for two contenders.
    """
    folder = native_folder() / "contenders"
    libc = folder / "libc.c"
    own = [folder / f"{name}.c" for name in _FIRST]
    others = [path for path in sorted(folder.glob("*.c")) if path not in (*own, libc)]
    found = [_from_file(path) for path in own]
    found.append(Contender(CONTROL, f"{found[1].label}, again", found[1].source))
    host = _host_label()
    found += [Contender(LIBC, host, libc), Contender(SHIM, f"{host} + {_SHIM}", libc, "shim")]
    found.append(Contender(SHIM_AVX2, f"{host} + {_SHIM}, no AVX-512", libc, "shim", "noavx512"))
    found.append(Contender(SHIM_SSE2, f"{host} + {_SHIM}, no AVX2", libc, "shim", "noavx2"))
    found.append(Contender(SHIM_VDSO, f"{host} + {_SHIM}, nobulk", libc, "shim", "nobulk"))
    for other in _with_different_keys(_other_libcs(libcs, host)):
        found.append(Contender(other.key, other.label, libc, other.target))
        found.append(Contender(f"{other.key}+{SHIM}", f"{other.label} + {_SHIM}", libc, f"{other.target}+shim"))
    found += [_from_file(path) for path in (*others, *files)]
    python = Path(__file__).resolve().parent / "scripts" / "python_worker.py"
    found.append(Contender("python", f"Python {platform.python_version()}", python))
    found.append(Contender(f"python+{SHIM}", f"Python {platform.python_version()} + {_SHIM}", python, "shim"))
    require_different([(contender.key, f"{contender.label} ({contender.target})") for contender in found])
    return found


@dataclass(frozen=True)
class Program:
    """How a contender's worker is started, and what it must have mapped then."""

    command: Sequence[str]
    environment: Mapping[str, str]
    preload: Path | None
    libc: Path | None


def program(contender: Contender, shim: Path | None, stand_in: Path | None = None) -> Program:
    """Compile the contender's worker; raises Absent where it can't take part.

    `stand_in` is preloaded in the library's place: any shared library, to compare with.
    """
    preload = (shim or library_path()).resolve() if contender.with_shim else None
    try:
        target = parse_target(contender.target, preload)
        command = [*target.prefix, *_program(contender, target)]
    except VgetrandomError as error:
        raise Absent(str(error)) from error
    setting = {"VGETRANDOM": contender.setting} if contender.setting else {}
    if stand_in:
        preload, setting = stand_in, {**setting, "LD_PRELOAD": str(stand_in)}
    return Program(command, {**target.environment, **setting}, preload, target.libc)


def start(contender: Contender, shim: Path | None, stand_in: Path | None = None) -> Worker:
    """Start the contender's worker; for the arguments and what is raised, see program()."""
    found = program(contender, shim, stand_in)
    return Worker(contender.label, found.command, found.environment, found.preload, found.libc)


def participant(contender: Contender, worker: Worker) -> Participant:
    """The record of a contender that takes part."""
    return Participant(contender.key, contender.label, worker.version, worker.main, files=worker.files)


def _program(contender: Contender, target: Target) -> list[str]:
    if contender.source.suffix == ".py":
        return [sys.executable, "-E", "-s", str(contender.source)]
    return [str(build_worker(contender.source, target.family))]


def _from_file(path: Path) -> Contender:
    """The label is the first comment of one line that is not the licence's."""
    try:
        text = path.read_text()
    except OSError as error:
        raise VgetrandomError(f"{path} can't be read: {error.strerror}; --contender takes a C file") from error
    comments = [comment.strip() for comment in re.findall(r"^/\*(.*?)\*/$", text, re.MULTILINE)]
    label = next((comment for comment in comments if not comment.startswith("SPDX")), path.stem)
    return Contender(_NATIVE_KEYS.get(path.stem, path.stem), label, path)


def _host_label() -> str:
    name, version = platform.libc_ver()
    return f"{name} {version}" if name else _musl_label(None)


@dataclass(frozen=True)
class _Libc:
    """One more libc: how `vgetrandom conform` names it, what tables call it, and whether the user chose that."""

    target: str
    key: str
    label: str
    where: str
    named: bool = False


def _other_libcs(names: Sequence[str], host: str) -> list[_Libc]:
    found = [_other_libc(name) for name in names]
    if not host.startswith("musl"):
        found.append(_Libc("musl", "musl", _musl_label(None), "the installed one"))
    return found


def _with_different_keys(libcs: Sequence[_Libc]) -> Iterator[_Libc]:
    """Two builds of one version are two contenders. A name of the user's stays as it is."""
    keys, labels = ({getattr(libc, what) for libc in libcs if libc.named} for what in ("key", "label"))
    for libc in libcs:
        key, label, number = libc.key, libc.label, 1
        while key in keys and not libc.named:
            number += 1
            key = f"{libc.key}-{number}"
        if label in labels and not libc.named:
            label = f"{label} ({libc.where})"
        keys.add(key)
        labels.add(label)
        yield replace(libc, key=key, label=label)


def _other_libc(written: str) -> _Libc:
    """A folder with a libc, or a Debian release's."""
    name, where = split_label(written)
    folder = Path(where)
    if not folder.is_dir():
        if "/" in where:
            raise VgetrandomError(
                f"{where} is not a folder; --libc takes one with a libc, or the name of a Debian release"
            )
        folder = fetch(where, _debian_architecture(), ["libc6"])
    libc = look(folder)
    label = _musl_label(libc.loader) if libc.musl else f"glibc {'.'.join(map(str, glibc_version(libc.libc)))}"
    key = label.replace(" ", "-")
    if label == "musl":  # it does not tell: it must not take the installed one's name
        key, label = f"musl-{folder.resolve().name}", f"musl ({where})"
    return _Libc(f"libc:{folder.absolute()}", name or key, name or label, where, bool(name))


def _musl_label(loader: Path | None) -> str:
    """musl's loader tells its version when it is run without arguments."""
    loader = loader or next(iter(sorted(Path("/lib").glob("ld-musl-*.so.1"))), None)
    if loader is None:
        return "musl"
    try:
        said = subprocess.run([loader], capture_output=True, text=True).stderr
    except OSError:
        return "musl"
    version = re.search(r"Version (\S+)", said)
    return f"musl {version[1]}" if version else "musl"


def _debian_architecture() -> str:
    try:
        done = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise VgetrandomError("dpkg does not run; --libc needs a folder where there is no Debian") from error
    return done.stdout.strip()
