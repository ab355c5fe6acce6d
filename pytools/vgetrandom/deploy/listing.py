"""What is deployed on this host: found in the files themselves, so that nothing has to be kept about it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from . import host, service
from .changes import Change
from .placing import PLACE, release_of


@dataclass(frozen=True)
class Deployment:
    """One place that preloads the library.

    target  "nginx.service", or "host"
    file    what says so
    library as the target sees it
    state   of that file: its build id, or what is wrong with it
    """

    target: str
    file: Path
    library: Path
    state: str


def deployments(root: Path) -> list[Deployment]:
    """All below `root`; the list of a whole host only where `root` is this host's."""
    found = [
        Deployment(name, path, library, release_of(root / library.relative_to("/")))
        for name, path, library in service.deployed(root)
    ]
    if root == Path("/"):
        found += [Deployment("host", host.LIST, library, release_of(library)) for library in host.deployed()]
    return found


def unused_copy(root: Path, gone: str) -> list[Change]:
    """The end of the library that was copied to PLACE, when nothing but the target `gone` refers to it."""
    target = root / PLACE.relative_to("/")
    others = [one for one in deployments(root) if one.target != gone and one.library == PLACE]
    return [] if others or not target.is_file() else [Change(target, None)]
