"""A whole host: /etc/ld.so.preload, which glibc's loader reads for every program, set-uid ones too (ld.so(8)).

What must stay true: nothing of the host changes before its own programs have run with the library in a private copy
of /etc; and once it is in, a static program can take it out where no other program starts any more.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..errors import VgetrandomError
from ..preload.identity import is_copy, require_usable
from ..preload.launch import without_library
from ..preload.library import LIBRARY_NAME, helper_path
from .changes import Change, apply, content_of, take_back
from .mounts import in_private_etc
from .placing import PLACE
from .trial import DRAWING, ORDINARY, Attempt, Outcome, difference, is_loaded, outcome, refusal

LIST = Path("/etc/ld.so.preload")
SAVED = Path("/etc/ld.so.preload.vgetrandom-saved")  # what was there; empty where there was none
TAKE_BACK = Path("/usr/local/sbin/vgetrandom-take-back")
_HELPER = "take_back"
_TRIED = Path("/etc/vgetrandom-tried.so")  # in the private /etc alone

# What a host can't do without, with arguments that change nothing.
_NEEDED = (
    Attempt("shell", ("/bin/sh", "-c", "echo $((1 + 1))")),
    Attempt("shell", ("bash", "-lc", "true")),
    Attempt("files", ("ls", "/usr")),
    Attempt("init", ("/sbin/init", "--version")),
    Attempt("sshd", ("/usr/sbin/sshd", "-t")),
    Attempt("ssh", ("ssh", "-V")),
    Attempt("services", ("systemctl", "--version")),
    Attempt("services", ("systemctl", "list-unit-files", "--no-pager")),
    Attempt("log", ("journalctl", "--version")),
    Attempt("devices", ("udevadm", "--version")),
    Attempt("packages", ("dpkg-query", "-l")),
    Attempt("packages", ("apt-get", "--version")),
    Attempt("packages", ("rpm", "-qa")),
    Attempt("packages", ("dnf", "--version")),
    Attempt("packages", ("zypper", "--version")),
    Attempt("network", ("ip", "-V")),
    Attempt("editor", ("vi", "--version")),
)
_SET_UID = (("su", "--version"), ("mount", "--version"), ("sudo", "-V"), ("passwd", "--help"))


def attempts() -> list[Attempt]:
    """Those of the programs that this host has; init where it is systemd, and one that is set-uid as somebody else."""
    found = [one for one in (*ORDINARY, *_NEEDED) if shutil.which(one.words[0])]
    if not os.path.realpath("/sbin/init").endswith("/systemd"):
        found = [one for one in found if one.kind != "init"]
    return [*found, *_set_uid()]


def _set_uid() -> Iterator[Attempt]:
    user = next((one.pw_name for one in pwd.getpwall() if one.pw_name == "nobody"), "")
    for words in _SET_UID:
        path = shutil.which(words[0])
        if user and path and Path(path).stat().st_mode & stat.S_ISUID:
            yield Attempt("set-uid", (path, *words[1:]), user)


def insertion(library: Path, writes: Sequence[Change]) -> list[Change]:
    """What has to be written, in this order, for every program of this host; `writes` puts the library there.

    Raises VgetrandomError where this host's loader reads no such list, or a file is in the way.
    """
    if not _loader_reads_list():
        raise VgetrandomError(f"this host's loader is not glibc's, and reads no {LIST}; deploy to single services")
    helper = helper_path(_HELPER)
    if helper is None:
        raise VgetrandomError(f"the program {_HELPER} is missing; install vgetrandom again")
    old = content_of(LIST)
    saved = content_of(SAVED)
    kept = b"".join(line for line in _lines(old or b"") if not _is_ours(line))
    if kept and not kept.endswith(b"\n"):
        kept += b"\n"
    return [
        *writes,
        Change(TAKE_BACK, helper.read_bytes(), 0o755),
        Change(SAVED, (old or b"") if saved is None or not _in(old) else saved),
        Change(LIST, kept + f"{library}\n".encode()),
    ]


def removal() -> list[Change]:
    """The list without the library, exactly as it was where nobody else changed it; empty when it is not in."""
    old, saved = content_of(LIST), content_of(SAVED)
    if not _in(old):
        return [Change(SAVED, None), Change(TAKE_BACK, None)] if saved is not None else []
    kept = b"".join(line for line in _lines(old or b"") if not _is_ours(line))
    if saved is not None and kept.rstrip() == saved.rstrip():
        kept = saved
    return [Change(LIST, kept or None), Change(SAVED, None), Change(TAKE_BACK, None)]


def deployed() -> list[Path]:
    """The libraries of ours that the list names."""
    names = (line.decode(errors="replace").strip() for line in _lines(content_of(LIST) or b"") if _is_ours(line))
    return [Path(name) for name in names]


def try_privately(library: Path) -> int:
    """Run this host's programs with the library in a list of their own, and say how many.

    Raises VgetrandomError (status 1) when one of them is not the same, or can't be tried.
    """
    require_usable(library)

    def work() -> int:
        environment = without_library(os.environ)
        tried = attempts()
        before = [outcome(one, environment) for one in tried]
        shutil.copyfile(library, _TRIED)
        _TRIED.chmod(0o755)
        kept = b"".join(line for line in _lines(content_of(LIST) or b"") if not _is_ours(line))
        LIST.write_bytes(kept.rstrip(b"\n") + (b"\n" if kept.strip() else b"") + f"{_TRIED}\n".encode())
        LIST.chmod(0o644)
        _require_same(tried, before, _TRIED)
        return len(tried)

    return int(in_private_etc(work))


def write_and_verify(changes: Sequence[Change], library: Path) -> None:
    """Write, and run the programs once more; where one is not the same now, everything is taken back at once.

    Raises VgetrandomError then, with nothing changed.
    """
    environment = without_library(os.environ)
    tried = [one for one in attempts() if one.kind in ("draws", "shell", "set-uid")]
    before = [outcome(one, environment) for one in tried]
    was = [Change(change.path, content_of(change.path), change.mode) for change in changes]
    apply(changes)
    try:
        _require_same(tried, before, library)
    except BaseException:
        take_back(was)
        raise


def _require_same(tried: Sequence[Attempt], before: Sequence[Outcome], library: Path) -> None:
    environment = without_library(os.environ)
    for one, without in zip(tried, before):
        wrong = difference(one, without, outcome(one, environment))
        if wrong:
            raise refusal(wrong)
    if DRAWING in tried and not is_loaded(library, environment):
        raise refusal(f"{LIST} does not load {library} into a program")


def _loader_reads_list() -> bool:
    """glibc's do; musl's knows LD_PRELOAD alone (musl, ldso/dynlink.c)."""
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc")
    except (ValueError, OSError):
        return False


def _lines(content: bytes) -> list[bytes]:
    return content.splitlines(keepends=True)


def _is_ours(line: bytes) -> bool:
    """One library in a line of its own, as this command writes it, or a user by hand."""
    name = os.fsdecode(line.strip())
    path = Path(name)
    return bool(re.fullmatch(r"/\S+", name)) and (path == PLACE or path.name == LIBRARY_NAME or is_copy(path))


def _in(content: bytes | None) -> bool:
    return any(_is_ours(line) for line in _lines(content or b""))
