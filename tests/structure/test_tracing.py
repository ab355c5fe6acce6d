"""What the tests read of strace's log is whole, whatever other threads did meanwhile."""

from __future__ import annotations

from tracing import whole_lines


def test_a_call_that_another_threads_call_parted_is_one_line() -> None:
    log = """7 futex(0x1, FUTEX_WAIT, 8, NULL <unfinished ...>
8 getrandom( <unfinished ...>
7 <... futex resumed>) = 0
8 <... getrandom resumed>"\\xa1"..., 65536, 0) = 65536
8 exit(0) = ?"""
    assert whole_lines(log) == [
        "7 futex(0x1, FUTEX_WAIT, 8, NULL) = 0",
        '8 getrandom("\\xa1"..., 65536, 0) = 65536',
        "8 exit(0) = ?",
    ]


def test_a_call_that_never_ended_is_left_as_it_began() -> None:
    assert whole_lines("8 pause( <unfinished ...>\n9 exit(0) = ?") == ["8 pause(", "9 exit(0) = ?"]
