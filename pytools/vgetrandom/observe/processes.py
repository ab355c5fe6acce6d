"""Who a process is, read while it lives: many that draw are gone before anybody asks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..status.process_record import command_of
from .containers import cgroup_of


@dataclass(frozen=True)
class Identity:
    """One process, running one program.

    start    clock ticks from the start of the host to its own: tells it from another with the same pid
    program  path of its program, as it sees it; "" where that may not be read
    cgroup   its control group; `unified`: the one in the unified hierarchy, which the kernel tells of ended ones too
    at_home  whether its / is ours, so that `program` names the same file here
    """

    pid: int
    start: int
    name: str
    command: str
    program: str
    cgroup: str
    unified: str
    at_home: bool


def identify(pid: int) -> Identity | None:
    """Look at a process; None when it is gone, or going."""
    try:
        name, start = name_and_start(pid)
        program = _link(f"/proc/{pid}/exe").removesuffix(" (deleted)")
        command = command_of(pid)
        if program and command.startswith("["):  # it is between two programs, and has no arguments yet
            command = name
        cgroup, unified = cgroup_of(pid)
        return Identity(pid, start, name, command or name, program, cgroup, unified, _is_at_home(pid))
    except (OSError, ValueError):
        return None


def name_and_start(pid: int) -> tuple[str, int]:
    """A process's name and start time (fields 2 and 22 of proc_pid_stat(5)). Raises OSError when it is gone."""
    head, _, tail = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")
    fields = tail.split()
    if fields[0] in "ZX":
        raise ProcessLookupError(3, "it has ended", f"/proc/{pid}")
    return head.partition("(")[2], int(fields[19])


def is_alive(one: Identity) -> bool:
    """Whether this very process is still there."""
    try:
        return name_and_start(one.pid)[1] == one.start
    except (OSError, ValueError):
        return False


def _is_at_home(pid: int) -> bool:
    return _link(f"/proc/{pid}/root") == "/" and _link(f"/proc/{pid}/ns/mnt") == _link("/proc/self/ns/mnt")


def _link(path: str) -> str:
    try:
        return str(Path(path).readlink())
    except OSError:
        return ""
