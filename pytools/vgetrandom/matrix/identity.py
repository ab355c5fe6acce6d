"""Whether the processes of a guest have mapped the library, and the libc of its cell."""

from __future__ import annotations

from collections.abc import Sequence

from ..conformance.identity import WAYS, Process, read_processes
from .console import Ended

IDENTITY = "identity"  # the program, in a guest's plan


def wrong_files(ended: Ended | None, library: str, libc_folder: str) -> str:
    """Why the guest's processes are not those that were to be tested, or "".

    `library` is the path in the guest; `libc_folder` the folder of its libc there, "" where that is in the usual place.
    """
    processes = read_processes(ended.output) if ended else []
    by_way = {process.way: process for process in processes}
    for way in WAYS:
        if way not in by_way:
            return f"no process started by {way} told its files: {_last_line(ended)}"
        why = _wrong(by_way[way], library, libc_folder)
        if why:
            return f"in a process started by {way}, {why}"
    return ""


def _wrong(process: Process, library: str, libc_folder: str) -> str:
    server, libc = process.file_of("getrandom"), process.file_of("libc")
    if server != library:
        return f"getrandom is that of {server or 'nobody'}, not of {library}"
    if libc_folder and not libc.startswith(f"{libc_folder}/"):
        return f"the libc is {libc or 'unknown'}, not in {libc_folder}"
    return ""


def _last_line(ended: Ended | None) -> str:
    lines: Sequence[str] = (ended.errors if ended else "").strip().splitlines()
    return lines[-1] if lines else "it ended early"
