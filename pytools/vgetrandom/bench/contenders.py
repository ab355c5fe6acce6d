"""Who takes part in a run: the libcs, with the library and without, and each file in native/contenders/.

To add one, put a file there (or name it with `--contender FILE`): its first comment after the licence is its label, and
contender_prepare() offers what it can do (native/worker.h).
"""

from __future__ import annotations

import platform
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..conformance.targets import Target, glibc_version, parse_target
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
    """Everything this host could measure; `libcs` are folders or Debian releases, `files` further contenders.

    Raises VgetrandomError when a folder holds no libc, or a release can't be fetched.
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
    other_libcs = [_other_libc(name) for name in libcs]
    if not host.startswith("musl"):
        other_libcs.append(("musl", "musl", _musl_label(None)))
    for target, key, label in other_libcs:
        if key not in {contender.key for contender in found}:
            found.append(Contender(key, label, libc, target))
            found.append(Contender(f"{key}+{SHIM}", f"{label} + {_SHIM}", libc, f"{target}+shim"))
    found += [_from_file(path) for path in (*others, *files)]
    python = Path(__file__).resolve().parent / "scripts" / "python_worker.py"
    found.append(Contender("python", f"Python {platform.python_version()}", python))
    found.append(Contender(f"python+{SHIM}", f"Python {platform.python_version()} + {_SHIM}", python, "shim"))
    return found


def start(contender: Contender, shim: Path | None) -> Worker:
    """Compile and start the contender's worker; raises Absent where it can't take part."""
    preload = (shim or library_path()).resolve() if contender.with_shim else None
    try:
        target = parse_target(contender.target, preload)
        command = [*target.prefix, *_program(contender, target)]
    except VgetrandomError as error:
        raise Absent(str(error)) from error
    setting = {"VGETRANDOM": contender.setting} if contender.setting else {}
    return Worker(contender.label, command, {**target.environment, **setting}, preload)


def participant(contender: Contender, worker: Worker) -> Participant:
    """The record of a contender that takes part."""
    return Participant(contender.key, contender.label, worker.version, worker.main)


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


def _other_libc(name: str) -> tuple[str, str, str]:
    """Target, key and label of a folder with a libc, or of a Debian release's."""
    folder = Path(name)
    if not folder.is_dir():
        if "/" in name:
            raise VgetrandomError(
                f"{name} is not a folder; --libc takes one with a libc, or the name of a Debian release"
            )
        folder = fetch(name, _debian_architecture(), ["libc6"])
    libc = next(iter(sorted(folder.resolve().rglob("libc.so.6"))), None)
    if libc:
        version = ".".join(map(str, glibc_version(libc)))
        return f"libc:{folder}", f"glibc-{version}", f"glibc {version}"
    loader = next(iter(sorted(folder.resolve().rglob("ld-musl-*.so.1"))), None)
    if loader is None:
        raise VgetrandomError(f"there is neither libc.so.6 nor musl's loader in {folder}; --libc needs one of them")
    label = _musl_label(loader)
    return f"libc:{folder}", label.replace(" ", "-"), label


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
