"""An environment whose processes have no copy of the library, or the reason why there is none."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from ..errors import VgetrandomError
from ..preload.identity import is_copy, read_mappings
from ..preload.launch import preloaded, without_library

_EVERYWHERE = Path("/etc/ld.so.preload")  # ld.so(8): preloaded into every program
_PROBE = "print(open('/proc/self/maps', errors='surrogateescape').read())"


def isolated(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without the library, its settings and every copy of it.

    A process is started in it and looked at, because /etc/ld.so.preload and names without a slash are the loader's.
    Raises VgetrandomError when it has a copy all the same.
    """
    bare = without_library(environment)
    found = _copies(bare)
    if not found:
        return bare
    names = {Path(path).name for path in found}
    others = [name for name in preloaded(bare) if Path(name).name not in names]
    bare = {name: value for name, value in bare.items() if name != "LD_PRELOAD"}
    if others:
        bare["LD_PRELOAD"] = ":".join(others)
    found = _copies(bare)
    if found:
        raise VgetrandomError(
            f"{found[0]}, a copy of the library, is in every new process{_by_whom(found[0])}, so no run would be "
            "without it; take it out, or see by --once what the command draws"
        )
    return bare


def _copies(environment: Mapping[str, str]) -> list[str]:
    """The files that a new process has mapped and that are builds of the library."""
    words = [sys.executable, "-I", "-S", "-c", _PROBE]
    probe = subprocess.run(
        words, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="surrogateescape"
    )
    paths = dict.fromkeys(mapping.path for mapping in read_mappings(probe.stdout) if mapping.path.startswith("/"))
    return [path for path in paths if is_copy(Path(path))]


def _by_whom(path: str) -> str:
    try:
        named = _EVERYWHERE.read_text(errors="replace").replace(":", " ").split()
    except OSError:
        return ""
    same = any(Path(name).name == Path(path).name for name in named)
    return f" by {_EVERYWHERE}" if same else ""
