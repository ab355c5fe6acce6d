"""Which processes descend from which, or are traced by which, from /proc."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path


def descendants(pid: int) -> list[int]:
    """The pids of all living descendants; empty without /proc. Those handed to init by their parent's end are lost."""
    children = defaultdict(list)
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # The name, field 2, may hold anything, spaces and brackets too: proc_pid_stat(5)
            parent = int((folder / "stat").read_text(errors="replace").rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            continue
        children[parent].append(int(folder.name))
    found = list(children[pid])
    for one in found:
        found += children[one]
    return found


def traced_by(pid: int) -> list[int]:
    """The pids of all processes that this one traces (ptrace(2)), whoever their parents are; empty without /proc."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            tracer = re.search(r"^TracerPid:\t(\d+)$", (folder / "status").read_text(errors="replace"), re.MULTILINE)
        except OSError:
            continue
        if tracer and int(tracer[1]) == pid:
            found.append(int(folder.name))
    return found
