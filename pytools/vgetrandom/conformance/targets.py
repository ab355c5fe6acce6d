"""What a case can be run against: this host's libc, the shim, another libc's files, or a wrapper command."""

from __future__ import annotations

import platform
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerDefSection

from ..errors import VgetrandomError
from ..preload.identity import require_generator, require_usable
from ..system.debian import fetch
from .libc_folder import look
from .static import archive_of, require_archive, static_command

_DEBIAN_ARCHES = {"x86_64": "amd64", "aarch64": "arm64", "ppc64le": "ppc64el", "loongarch64": "loong64"}
_DEBIAN_PACKAGES = ("libc6", "libgcc-s1")  # glibc needs the second to cancel a thread
SHIM_SUFFIX = "+shim"
_LABEL = re.compile(r"([^/=:,]+)=(.*)")
HELP = (
    "shim, native, musl, libc:[NAME=]DIR, debian:RELEASE, static:[NAME=]DIR_OR_COMPILER, preload:[NAME=]FILE.so or "
    "under:COMMAND; "
    "musl, libc:, debian: and under: also with +shim"
)


@dataclass(frozen=True)
class Target:
    """How to run one case against one libc, and what its processes must then have mapped."""

    name: str  # the label: as the user named it, else as it was written
    family: str  # "glibc", "glibc-old" or "musl": which build of the cases it can load; "static ..." for one of its own
    prefix: tuple[str, ...] = ()  # the words before the case's path
    environment: Mapping[str, str] = field(default_factory=dict)
    written: str = ""  # as the user wrote it: what repeats it
    library: Path | None = None  # what is preloaded
    libc: Path | None = None  # whose functions are called; None: this host's, whatever it is; static: the archive
    wrapped: bool = False  # under a command of the user's, who may preload what he likes
    static: tuple[str, ...] = ()  # the command that compiles and links the cases


def parse_target(text: str, shim: Path | None) -> Target:
    """Make a target from its name; `shim` is the library to preload where the name asks for it.

    Raises VgetrandomError when the name is unknown, or what it names is not there or can't be loaded on this host.
    """
    with_shim = text == "shim" or text.endswith(SHIM_SUFFIX)
    base = "native" if text == "shim" else text[: -len(SHIM_SUFFIX)] if with_shim else text
    if with_shim and shim is None:
        raise VgetrandomError(f"target {text} needs the library; install vgetrandom or name a build with --library")
    library = shim if with_shim else None
    if library:
        require_usable(library)
    preload = {"LD_PRELOAD": str(library)} if library else {}
    kind, _, what = base.partition(":")
    if base == "native":
        return Target(text, _host_family(), (), preload, text, library)
    if base == "musl":
        return Target(text, "musl", (), preload, text, library, _musl_loader().resolve())
    if kind == "under" and ":" in base:
        return Target(text, _host_family(), _command(text, what), preload, text, library, wrapped=True)
    if kind == "debian":
        return _libc_target(text, text, fetch(what, _debian_arch(), _DEBIAN_PACKAGES), library)
    if kind == "libc":
        label, folder = split_label(what)
        return _libc_target(_with_suffix(label, with_shim) or text, text, Path(folder), library)
    if kind == "preload" and ":" in base:
        if with_shim:
            raise VgetrandomError(f"target {text} can't be: of two preloaded libraries, programs call one")
        label, file = split_label(what)
        if not file:
            raise VgetrandomError(f"target {text!r} names no library; write preload:FILE.so or preload:NAME=FILE.so")
        other = Path(file).absolute()
        require_generator(other)
        return Target(label or text, _host_family(), (), {"LD_PRELOAD": str(other)}, text, other)
    if kind == "static":  # also without a colon: this host's own
        if with_shim:
            raise VgetrandomError(f"target {text} can't be: nothing is preloaded into statically linked programs")
        return _static_target(text, what)
    raise VgetrandomError(f"there is no target {text!r}; targets are {HELP}")


def parse_targets(texts: Sequence[str], shim: Path | None) -> list[Target]:
    """Several, each once. Raises VgetrandomError as parse_target, and when two have one label."""
    targets = [parse_target(text, shim) for text in dict.fromkeys(texts)]
    require_different([(target.name, target.written) for target in targets])
    return targets


def require_different(labels: Iterable[tuple[str, str]]) -> None:
    """Raises VgetrandomError when two labels are equal; with each comes what it stands for."""
    known: dict[str, str] = {}
    for label, written in labels:
        if label in known:
            raise VgetrandomError(f"{known[label]} and {written} are both called {label}; give one another name")
        known[label] = written


def split_label(text: str) -> tuple[str, str]:
    """NAME and the rest of NAME=REST; "" and the text where it has no name. `./a=b` is a folder."""
    found = _LABEL.fullmatch(text)
    return (found[1], found[2]) if found else ("", text)


def _with_suffix(label: str, with_shim: bool) -> str:
    return f"{label}{SHIM_SUFFIX}" if label and with_shim else label


def _command(text: str, what: str) -> tuple[str, ...]:
    try:
        words = tuple(shlex.split(what))
    except ValueError as error:
        raise VgetrandomError(f"target {text!r} is no command: {error}") from None
    if not words:
        raise VgetrandomError(f"target {text!r} names no command; write under:COMMAND")
    return words


def _static_target(text: str, what: str) -> Target:
    label, what = split_label(what)
    command = static_command(what)
    archive = archive_of(command)
    if what and Path(what).is_dir():
        require_archive(label or text, archive, Path(what))
    return Target(label or text, f"static {shlex.join(command)}", written=text, libc=archive, static=command)


def _debian_arch() -> str:
    machine = platform.machine()
    return _DEBIAN_ARCHES.get(machine, machine)


def _host_family() -> str:
    return "glibc" if platform.libc_ver()[0] == "glibc" else "musl"


def _musl_loader() -> Path:
    for loader in sorted(Path("/lib").glob("ld-musl-*.so.1")):
        return loader
    raise VgetrandomError("musl is not installed; install it (Debian: musl) or point libc:DIR at an unpacked one")


def _libc_target(name: str, text: str, folder: Path, library: Path | None) -> Target:
    libc = look(folder)
    preload = ("--preload", str(library)) if library else ()
    family = "musl" if libc.musl else _glibc_family(libc.libc)
    return Target(name, family, (*libc.prefix, *preload), {}, text, library, libc.libc)


def _glibc_family(libc: Path) -> str:
    """ "glibc" when this libc has every version that programs built on this host can ask for, else "glibc-old"."""
    host = platform.libc_ver()
    if host[0] == "glibc" and glibc_version(libc) >= _numbers(host[1]):
        return "glibc"
    return "glibc-old"


def glibc_version(libc: Path) -> tuple[int, ...]:
    """The newest GLIBC_x.y version that a libc.so.6 defines; raises VgetrandomError when it is no glibc."""
    try:
        with libc.open("rb") as stream:
            section = ELFFile(stream).get_section_by_name(".gnu.version_d")
            if not isinstance(section, GNUVerDefSection):
                raise VgetrandomError(f"{libc} defines no symbol versions; is it a glibc?")
            names = [next(entries).name for _, entries in section.iter_versions()]
    except (OSError, ELFError) as error:
        raise VgetrandomError(f"{libc} can't be read as an ELF file ({error})") from error
    versions = [_numbers(name[len("GLIBC_") :]) for name in names if re.fullmatch(r"GLIBC_[0-9.]+", name)]
    if not versions:
        raise VgetrandomError(f"{libc} defines no GLIBC version; is it a glibc?")
    return max(versions)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"[0-9]+", version))
