"""Which vgetrandom this is, and which day: what every report begins with."""

from __future__ import annotations

import importlib.metadata
import time


def own_version() -> str:
    """Of this package."""
    try:
        return importlib.metadata.version("vgetrandom")
    except importlib.metadata.PackageNotFoundError:
        return "from its source tree"


def today() -> str:
    """YYYY-MM-DD, UTC."""
    return time.strftime("%Y-%m-%d", time.gmtime())
