"""A command on a terminal of a given width, as a person sees it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
from collections.abc import Mapping

from command import command_line

_HEIGHT = 24  # rows
_OWN = ("COLUMNS", "LINES", "NO_COLOR")  # variables that would decide instead of the terminal


def on_terminal(
    width: int, *words: object, interrupt_at: bytes | None = None, environment: Mapping[str, str] = os.environ
) -> list[str]:
    """The lines that `vgetrandom words...` prints there; it is interrupted when it has said something.

    Lines that a later one is drawn over are among them, without the sequences that steer the terminal.
    """
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", _HEIGHT, width, 0, 0))
    variables = {name: value for name, value in environment.items() if name not in _OWN}
    with subprocess.Popen(
        command_line(*words), stdin=child, stdout=child, stderr=child, env={**variables, "TERM": "xterm"}
    ) as process:
        os.close(child)
        output = b""
        with contextlib.suppress(OSError):  # EIO: the command has closed its side
            while chunk := os.read(parent, 65536):
                output += chunk
                if interrupt_at and interrupt_at in output:
                    process.send_signal(signal.SIGINT)
                    interrupt_at = None
        os.close(parent)
    text = re.sub(r".*\r\x1b\[K|\x1b\[[0-9;?]*[A-Za-z]", "", output.decode())
    return [line.rstrip("\r") for line in re.split(r"\r?\n|\r(?!\n)", text) if line.strip()]
