"""What a running process has loaded: the closure that the loader really made, plugins included."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path

from ..errors import VgetrandomError
from ..system.host import require_proc
from .closure import Closure, Object, Reader, Root
from .elf_facts import Facts, Problem, read_facts
from .survey import Row, Trouble, judge_file

_AT_SECURE = 23  # linux/auxvec.h


def process_closure(pid: int, read: Reader = read_facts) -> Closure:
    """The program of a process and every ELF file it has mapped for execution; `read` says what is in a file.

    Raises VgetrandomError when the process is gone, is a kernel thread or may not be looked at.
    """
    require_proc()
    folder = Path(f"/proc/{pid}")
    try:
        program = str((folder / "exe").readlink())
        mapped = _mapped_files((folder / "maps").read_text(errors="surrogateescape"))
    except FileNotFoundError as error:
        known = folder.is_dir()
        raise VgetrandomError("a kernel thread: it runs no program" if known else "there is no such process") from error
    except (PermissionError, ProcessLookupError) as error:
        hint = "" if os.geteuid() == 0 else "; run as root"
        raise VgetrandomError(f"it can't be looked at{hint}") from error
    facts = read(f"/proc/{pid}/exe")
    if not isinstance(facts, Facts):
        why = facts.message if isinstance(facts, Problem) else "not an ELF program"
        raise VgetrandomError(f"its program {program} can't be read: {why}")
    first = Object(f"/proc/{pid}/exe", program.removesuffix(" (deleted)"), facts, ())
    others, missing = _objects(first, [path for path in mapped if path != program], Root(f"/proc/{pid}/root"), read)
    return Closure((first, *others), tuple(missing))


def is_secure(pid: int) -> bool:
    """Whether the kernel started a process in secure-execution mode (AT_SECURE in getauxval(3)); false if unknown."""
    try:
        data = Path(f"/proc/{pid}/auxv").read_bytes()
    except OSError:
        return False
    pairs = dict(struct.iter_unpack("=QQ", data[: len(data) // 16 * 16]))
    return bool(pairs.get(_AT_SECURE, 0))


def judge_processes(pids: Iterable[int], troubles: list[Trouble]) -> list[Row]:
    """A row for each process; of one that can't be judged, what is wrong is appended to `troubles`."""
    rows = []
    for pid in pids:
        try:
            closure = process_closure(pid)
        except VgetrandomError as error:
            troubles.append(Trouble(f"process {pid}", str(error)))
            continue
        privilege = "secure execution" if is_secure(pid) else ""
        rows.append(judge_file(f"{closure.program.seen_as} [{pid}]", closure, privilege))
    return rows


def _objects(program: Object, paths: Sequence[str], root: Root, read: Reader) -> tuple[list[Object], list[str]]:
    objects, missing = [], []
    for path in paths:
        facts = next((found for name in root.locate(path) if (found := read(name))), None)
        if isinstance(facts, Facts):
            objects.append(Object(path, path, facts, (program,)))
        elif isinstance(facts, Problem) or path.endswith(" (deleted)"):
            missing.append(os.fsencode(path).decode(errors="replace"))
    return objects, missing


def _mapped_files(maps: str) -> list[str]:
    """Files mapped for execution, in the order of addresses; /proc/PID/maps has six columns (proc(5))."""
    files: dict[str, None] = {}
    for line in maps.splitlines():
        columns = line.split(None, 5)
        if len(columns) == 6 and "x" in columns[1] and columns[5].startswith("/"):
            files[columns[5]] = None
    return list(files)
