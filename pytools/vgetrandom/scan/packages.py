"""Which files an installed package has: from dpkg's lists, or as rpm says."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from ..errors import VgetrandomError

_DPKG_LISTS = Path("/var/lib/dpkg/info")


def package_files(name: str, lists: Path = _DPKG_LISTS) -> list[str]:
    """Paths of an installed Debian or RPM package ("libssl3", "libc6:i386").

    Raises VgetrandomError when there is none.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.+:_~-]*", name):
        raise VgetrandomError(f"{name!r} can't be the name of a package")
    found = [path for path in (lists / f"{name}.list", *sorted(lists.glob(f"{name}:*.list"))) if path.is_file()]
    if found:
        return found[0].read_text(errors="surrogateescape").splitlines()
    if shutil.which("rpm"):
        done = subprocess.run(["rpm", "-ql", "--", name], capture_output=True, text=True, errors="surrogateescape")
        if done.returncode == 0:
            return [line for line in done.stdout.splitlines() if line.startswith("/")]
    raise VgetrandomError(f"no package {name} is installed here; scan its files by path")
