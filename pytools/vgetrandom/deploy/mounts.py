"""A process with mounts of its own, in which /etc can be changed and the host's is not (mount_namespaces(7))."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any, Callable

from ..errors import VgetrandomError

_CLONE_NEWNS = 0x20000  # linux/sched.h
_MS_BIND, _MS_MOVE, _MS_REC, _MS_PRIVATE = 0x1000, 0x2000, 0x4000, 0x40000  # linux/mount.h


def in_private_etc(work: Callable[[], Any]) -> Any:
    """What `work` returns (as JSON can hold it), from a child process whose /etc is a copy that goes with it.

    Raises VgetrandomError where such a process can't be had, and with the child's own words.
    """
    scratch = Path(tempfile.mkdtemp(prefix="vgetrandom-etc-"))
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _child(scratch, writer, work)
    os.close(writer)
    try:
        with os.fdopen(reader, "rb") as stream:
            answer = stream.read()
        os.waitpid(child, 0)
    except BaseException:
        os.kill(child, 9)
        os.waitpid(child, 0)
        raise
    finally:
        with contextlib.suppress(OSError):
            scratch.rmdir()
    try:
        result = json.loads(answer)
    except ValueError:
        raise VgetrandomError(
            "the trial in a private mount namespace ended without a result; nothing is written"
        ) from None
    if "wrong" in result:
        raise VgetrandomError(result["wrong"], result["status"])
    return result["value"]


def _child(scratch: Path, writer: int, work: Callable[[], Any]) -> None:
    """Never returns."""
    try:
        _private_etc(scratch)
        result = {"value": work()}
    except VgetrandomError as error:
        result = {"wrong": str(error), "status": error.status}
    except BaseException as error:
        result = {"wrong": f"the trial failed: {error}; nothing is written", "status": 2}
    with contextlib.suppress(BaseException):
        os.write(writer, json.dumps(result).encode())
    os._exit(0)


def _private_etc(scratch: Path) -> None:
    """Own mounts, and over /etc a folder in memory in which each entry is the host's, bound or copied."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNS):
        raise VgetrandomError(
            f"no mount namespace can be had here ({os.strerror(ctypes.get_errno())}), so nothing can be tried; "
            "nothing is written"
        )
    if libc.mount(None, b"/", None, ctypes.c_ulong(_MS_REC | _MS_PRIVATE), None):
        raise VgetrandomError(
            f"/ is no mount point here ({os.strerror(ctypes.get_errno())}; a chroot?), so nothing can be tried; "
            "nothing is written"
        )
    _mount("tmpfs", scratch, 0)
    etc = Path("/etc")
    for entry in etc.iterdir():
        twin = scratch / entry.name
        if entry.is_symlink():
            twin.symlink_to(entry.readlink())
        elif entry.name != "ld.so.preload":
            twin.mkdir() if entry.is_dir() else twin.touch()
            _mount(str(entry), twin, _MS_BIND | _MS_REC)
        else:
            shutil.copy2(entry, twin)
    shutil.copystat(etc, scratch)
    _mount(str(scratch), etc, _MS_MOVE)


def _mount(source: str, target: Path, flags: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    kind = b"tmpfs" if source == "tmpfs" else None
    words = (source.encode(), os.fsencode(target), kind, ctypes.c_ulong(flags), None)
    if libc.mount(*words):
        raise VgetrandomError(
            f"{target} can't be mounted over here ({os.strerror(ctypes.get_errno())}), so nothing can be tried; "
            "nothing is written"
        )
