"""A container image: lines at the end of its Dockerfile, and the library beside it (in the build context)."""

from __future__ import annotations

import re
from pathlib import Path

from ..errors import VgetrandomError
from ..preload.identity import is_copy, require_library
from ..preload.library import LIBRARY_NAME
from .changes import Change, content_of
from .placing import PLACE

_BEGIN, _END = "# vgetrandom: begin (`vgetrandom deploy image --undo` takes these lines out)", "# vgetrandom: end"
# What LD_PRELOAD is already, in this file or in the image that it begins with, stays in front.
_LINES = f"""{_BEGIN}
COPY {LIBRARY_NAME} {PLACE}
ENV LD_PRELOAD=${{LD_PRELOAD:+$LD_PRELOAD:}}{PLACE}
{_END}
"""
_BLOCK = re.compile(rf"^{re.escape(_BEGIN)}\n.*?^{re.escape(_END)}\n", re.MULTILINE | re.DOTALL)


def insertion(dockerfile: Path, library: Path) -> list[Change]:
    """What has to be written so that the last stage of `dockerfile` preloads the library.

    Raises VgetrandomError for what is no Dockerfile, or one to which no line can be added.
    """
    require_library(library)
    text = _text(dockerfile)
    old = content_of(_copy(dockerfile))
    if old is not None and not is_copy(_copy(dockerfile)):
        raise VgetrandomError(f"{_copy(dockerfile)} is no build of libvgetrandom.so; move it away first")
    without = _BLOCK.sub("", text)
    if without and not without.endswith("\n"):
        without += "\n"
    _require_open_end(dockerfile, without)
    return [Change(_copy(dockerfile), library.read_bytes(), 0o755), Change(dockerfile, (without + _LINES).encode())]


def removal(dockerfile: Path) -> list[Change]:
    """The Dockerfile as it was; empty when it has no lines of ours."""
    text = _text(dockerfile)
    without = _BLOCK.sub("", text)
    if without == text:
        return []
    changes = [Change(dockerfile, without.encode())]
    return [*changes, Change(_copy(dockerfile), None)] if is_copy(_copy(dockerfile)) else changes


def _copy(dockerfile: Path) -> Path:
    return dockerfile.with_name(LIBRARY_NAME)


def _text(dockerfile: Path) -> str:
    content = content_of(dockerfile)
    if content is None:
        raise VgetrandomError(f"there is no {dockerfile}; name the Dockerfile of the image")
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = ""
    if not re.search(r"^\s*FROM\s", text, re.MULTILINE | re.IGNORECASE):
        raise VgetrandomError(f"{dockerfile} has no FROM line; name the Dockerfile of the image")
    return text


def _require_open_end(dockerfile: Path, text: str) -> None:
    """Raises VgetrandomError when a line at the end would belong to the instruction before it."""
    if re.search(r"[\\`]\s*\Z", text):
        raise VgetrandomError(f"the last line of {dockerfile} goes on behind its end; finish it first")
    for mark in re.finditer(r"<<-?[\"']?(\w+)[\"']?", text):
        if not re.search(rf"^\t*{mark[1]}$", text[mark.end() :], re.MULTILINE):
            raise VgetrandomError(f"the text <<{mark[1]} in {dockerfile} has no end; finish it first")
