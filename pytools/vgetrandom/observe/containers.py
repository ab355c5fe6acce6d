"""In which container or service a process runs: from the path of its control group (cgroups(7))."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import VgetrandomError

# How container runtimes name their groups: with systemd ("docker-ID.scope") and without ("docker/ID").
_RUNTIMES = {
    "docker": r"(?:^|/)docker[-/]([0-9a-f]{12,64})",
    "podman": r"(?:^|/)libpod-(?:payload-)?([0-9a-f]{12,64})",
    "containerd": r"(?:^|/)cri-containerd[-:]([0-9a-f]{12,64})",
    "cri-o": r"(?:^|/)crio-(?:conmon-)?([0-9a-f]{12,64})",
    "kubernetes": r"kubepods\S*/(?:pod[^/]+/)?([0-9a-f]{64})(?:/|$)",
    "lxc": r"(?:^|/)lxc(?:\.payload)?[./]([^/]+)",
    "nspawn": r"(?:^|/)(?:machine\.slice/)?(?:systemd-nspawn@|machine-)([^/]+?)\.(?:service|scope)",
}
_SHORT = 12  # letters of an identifier that runtimes show


@dataclass(frozen=True)
class Place:
    """`runtime` is "" outside containers; `name`: the container's identifier or name, else the unit's, else ""."""

    runtime: str
    name: str

    def __str__(self) -> str:
        short = self.name[:_SHORT] if re.fullmatch(r"[0-9a-f]{12,64}", self.name) else self.name
        return f"{self.runtime} {short}".strip() or "-"


def place_of(cgroup: str) -> Place:
    """What a group's path says."""
    for runtime, pattern in _RUNTIMES.items():
        found = re.search(pattern, cgroup)
        if found:
            return Place(runtime, found[1])
    units = re.findall(r"[^/]+\.(?:service|scope|socket|mount)(?=/|$)", cgroup)
    if units:
        return Place("", units[-1])
    return Place("", cgroup.rpartition("/")[2])


def cgroup_of(pid: int) -> tuple[str, str]:
    """The path of a process's control group, and that in the unified hierarchy (cgroup v2), which may be "".

    They are the same, but where the unified one says nothing ("/") and older ones do: then it is the longest of those.
    Raises OSError when the process is gone.
    """
    lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    unified = next((line[len("0::") :] for line in lines if line.startswith("0::")), "")
    paths = [line.split(":", 2)[2] for line in lines]
    return unified if unified.strip("/") else max(paths, key=len, default="/"), unified


def is_within(cgroup: str, wanted: str) -> bool:
    """Whether a group is the wanted one or below it: a path from the root of its hierarchy, or a part of one."""
    return f"/{wanted.strip('/')}/" in f"{cgroup}/"


def chosen_group(text: str) -> str:
    """What a user calls a group, for `is_within`: a path in the hierarchy or of the file system, or a part of one.

    Raises VgetrandomError where no hierarchy has such a group.
    """
    mounted = _mounts("cgroup2", "cgroup")
    inside = next((text[len(mount) :] for mount in mounted if f"{text}/".startswith(f"{mount}/")), text)
    if not inside.strip("/") or any(is_within(path, inside) for mount in mounted for path, _inode in _groups(mount)):
        return inside
    raise VgetrandomError(f"there is no control group {text}; systemd-cgls shows those that there are")


class CgroupNumbers:
    """Paths of groups by their numbers in the unified hierarchy, where a number is the folder's inode."""

    def __init__(self) -> None:
        self._mounted = _mounts("cgroup2")[:1]
        self._paths: dict[int, str] = {}

    def path(self, number: int) -> str:
        """Empty where the group is gone or the hierarchy is not mounted here."""
        if number not in self._paths:
            self._read()
            self._paths.setdefault(number, "")
        return self._paths[number]

    def _read(self) -> None:
        for mount in self._mounted:
            self._paths.update((inode, path) for path, inode in _groups(mount))


def _groups(mount: str) -> Iterator[tuple[str, int]]:
    """Every group's path from the root of its hierarchy, and its inode."""
    for folder, _folders, _files in os.walk(mount):
        try:
            yield folder[len(mount) :] or "/", Path(folder).stat().st_ino
        except OSError:
            continue  # it ended meanwhile


def _mounts(*kinds: str) -> list[str]:
    """Where hierarchies are mounted; `kinds` are types of file system."""
    try:
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
    except OSError:
        return []
    # proc_pid_mountinfo(5): the mount point is field 5, the type is the first after the hyphen
    return [line.split()[4] for line in lines if line.partition(" - ")[2].split(" ")[0] in kinds]
