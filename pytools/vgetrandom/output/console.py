"""Where the verbs print."""

from __future__ import annotations

import rich.console


class Console(rich.console.Console):
    """rich's, but a reader that has gone away (`| head`) is left to the command, which knows the exit status."""

    def on_broken_pipe(self) -> None:
        raise  # rich calls this while it handles the BrokenPipeError
