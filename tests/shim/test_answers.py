"""Answers that a supervisor may give for the kernel: no bytes, fewer than were asked for, interruptions."""

from __future__ import annotations

from pathlib import Path

import needs
import pytest
from conftest import Compile
from preloading import run

EIO, UNTOUCHED = 5, 77  # tests/native/answers.c sets errno before
SIZE = 32
LETTER = b"x"  # what the buffer holds where nothing was written


@pytest.fixture(params=["", "off"])
def word(request: pytest.FixtureRequest) -> str:
    """A first draw is a system call in either case."""
    return str(request.param)


def drawn(native: Compile, library: Path, word: str, function: str, answer: str) -> tuple[int, int, bytes]:
    """What a function returns, errno and the bytes, with strace's answer to getrandom: "retval=0:when=1"."""
    needs.require("strace")
    preload = ["-E", f"LD_PRELOAD={library}", "-E", f"VGETRANDOM={word}"]
    done = run(
        ["strace", "-qq", "-o", "/dev/null", "-e", f"inject=getrandom:{answer}", *preload, native("answers"), function]
    )
    assert done.status == 0, done.errors
    returned, errno, data = done.text.split()
    return int(returned), int(errno), bytes.fromhex(data)


def test_getentropy_of_no_answer_is_an_input_output_error(native: Compile, library: Path, word: str) -> None:
    """As in glibc, and not for ever the same question."""
    assert drawn(native, library, word, "getentropy", "retval=0") == (-1, EIO, LETTER * SIZE)


def test_getentropy_asks_again_for_the_rest(native: Compile, library: Path, word: str) -> None:
    returned, errno, data = drawn(native, library, word, "getentropy", "retval=5:when=1")
    assert (returned, errno) == (0, UNTOUCHED)
    assert data[:5] == LETTER * 5 and data[5:].count(LETTER) < 5


@pytest.mark.parametrize("function", ["getentropy", "arc4random_buf"])
def test_an_interruption_is_asked_again(native: Compile, library: Path, word: str, function: str) -> None:
    returned, errno, data = drawn(native, library, word, function, "error=EINTR:when=1..3")
    assert (returned, errno) == (0, UNTOUCHED)
    assert data.count(LETTER) < 8


@pytest.mark.parametrize("answer", ["retval=0", "retval=0:when=1"])
def test_arc4random_without_an_answer_reads_the_device(native: Compile, library: Path, word: str, answer: str) -> None:
    _, errno, data = drawn(native, library, word, "arc4random_buf", answer)
    assert errno == UNTOUCHED and data.count(LETTER) < 8


def test_arc4random_asks_again_for_the_rest(native: Compile, library: Path, word: str) -> None:
    _, errno, data = drawn(native, library, word, "arc4random_buf", "retval=5:when=1")
    assert errno == UNTOUCHED
    assert data[:5] == LETTER * 5 and data[5:].count(LETTER) < 5


def test_getrandom_hands_on_what_the_kernel_said(native: Compile, library: Path, word: str) -> None:
    assert drawn(native, library, word, "getrandom", "retval=0:when=1")[:2] == (0, UNTOUCHED)
    assert drawn(native, library, word, "getrandom", "retval=5:when=1")[:2] == (5, UNTOUCHED)
    assert drawn(native, library, word, "getrandom", "error=EINTR:when=1")[:2] == (-1, 4)
