"""What the command reports in one line."""


class VgetrandomError(Exception):
    """Something the user can act on; the text is one sentence that says what is wrong and what to do.

    `status` is the exit status that the command ends with: 2 unless the verb defines another
    (`run` and `check` use 126 and 127 as a shell does).
    """

    def __init__(self, message: str, status: int = 2) -> None:
        super().__init__(message)
        self.status = status
