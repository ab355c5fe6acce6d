"""What the command reports in one line, and what ends it."""


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP, by its number: what a verb has started ends as it does at Ctrl-C."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


class VgetrandomError(Exception):
    """Something the user can act on; the text is one sentence that says what is wrong and what to do.

    `status` is the exit status that the command ends with: 2, or 1 where that is the answer, no. `run` alone ends with
    126 and 127, as a shell does; in other verbs these are 2.
    """

    def __init__(self, message: str, status: int = 2) -> None:
        super().__init__(message)
        self.status = status
