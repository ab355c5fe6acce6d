"""Files that are written together or not at all.

What must stay true: a reader of any of the files sees the old content or the new, never a part. A failure, or an
interrupt, leaves each of them as it was.
"""

from __future__ import annotations

import contextlib
import difflib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import VgetrandomError


@dataclass(frozen=True)
class Change:
    """A file as it is to be: its content, or None where it is to go. `mode` is for a file that is new."""

    path: Path
    content: bytes | None
    mode: int = 0o644


def content_of(path: Path) -> bytes | None:
    """What is in a file; None where there is none. Raises VgetrandomError for what is no file, or can't be read."""
    try:
        if path.is_symlink() or (path.exists() and not path.is_file()):
            raise VgetrandomError(f"{path} is no ordinary file; nothing is written there")
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise VgetrandomError(f"{path} can't be read: {error.strerror}") from error


def needed(changes: Sequence[Change]) -> list[Change]:
    """Those that are not so already."""
    return [change for change in changes if content_of(change.path) != change.content]


def apply(changes: Sequence[Change]) -> None:
    """Make the changes in their order. Raises VgetrandomError where one fails: those before it are taken back then."""
    before: list[Change] = []
    try:
        for change in needed(changes):
            before.append(Change(change.path, content_of(change.path), change.mode))
            _make(change)
    except BaseException as error:
        take_back(before)
        if isinstance(error, OSError):
            raise VgetrandomError(
                f"can't write {error.filename or change.path}: {error.strerror}; nothing is changed"
            ) from error
        raise


def take_back(before: Sequence[Change]) -> None:
    """Make files again what they were, the last changed first, as far as that can be done."""
    for change in reversed(before):
        with contextlib.suppress(OSError, VgetrandomError):
            if content_of(change.path) != change.content:
                _make(change)


def _make(change: Change) -> None:
    if change.content is None:
        change.path.unlink(missing_ok=True)
        if change.path.parent.name.endswith(".service.d"):
            with contextlib.suppress(OSError):  # others' files are in it
                change.path.parent.rmdir()
        return
    change.path.parent.mkdir(parents=True, exist_ok=True)
    fresh = change.path.with_name(f".{change.path.name}.{os.getpid()}")
    try:
        with fresh.open("xb") as stream:
            stream.write(change.content)
            _settle(stream.fileno(), change)
        fresh.replace(change.path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    _flush_folder(change.path.parent)


def _settle(descriptor: int, change: Change) -> None:
    """The mode and owner of the file that is there already, or the mode that was asked for; then to the disk."""
    os.fchmod(descriptor, change.mode)
    with contextlib.suppress(FileNotFoundError):
        old = change.path.stat()
        os.fchmod(descriptor, old.st_mode & 0o7777)
        with contextlib.suppress(PermissionError):
            os.fchown(descriptor, old.st_uid, old.st_gid)
    os.fsync(descriptor)


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def described(changes: Sequence[Change]) -> Iterator[str]:
    """Lines that show what `apply` would do: differences of text, one line for a file of bytes."""
    for change in needed(changes):
        old, new = content_of(change.path), change.content
        if b"\0" in (old or b"") + (new or b""):
            yield f"remove {change.path}" if new is None else f"write {change.path}: {len(new):,} bytes"
            continue
        names = ("/dev/null" if old is None else str(change.path), "/dev/null" if new is None else str(change.path))
        before, after = ((text or b"").decode(errors="replace").splitlines() for text in (old, new))
        yield from difflib.unified_diff(before, after, *names, lineterm="")
