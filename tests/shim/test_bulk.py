"""Large requests: the expansion is ChaCha20, leaves nothing of its key, and is used where it should be."""

from __future__ import annotations

import importlib.util
import platform
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from conftest import NATIVE, ROOT, Compile
from foreign import compile_for
from preloading import run

CHACHA = ROOT / "shim" / "chacha"
NEON, AVX2, AVX512 = 2, 3, 4  # enum vgetrandom_vector
WITHOUT = {AVX2: "noavx512", AVX512: ""}  # what VGETRANDOM has to say
MOST_STACK = 1024  # bytes
ABSENT = 77

on_x86_64 = pytest.mark.skipif(platform.machine() != "x86_64", reason="the vectors are this architecture's")

# RFC 8439, appendix A.1, test vectors 1, 2, 3 and 4: those whose nonce is zero. Key, block counter, keystream.
ZERO_KEY = bytes(32)
RFC_VECTORS = [
    (
        ZERO_KEY,
        0,
        "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586",
    ),
    (
        ZERO_KEY,
        1,
        "9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f",
    ),
    (
        bytes(31) + b"\x01",
        1,
        "3aeb5224ecf849929b9d828db1ced4dd832025e8018b8160b82284f3c949aa5a8eca00bbb4a73bdad192b5c42f73f2fd4e273644c8b36125a64addeb006c13a0",
    ),
    (
        b"\x00\xff" + bytes(30),
        2,
        "72d54dfbf12ec44b362692df94137f328fea8da73990265ec1bbbea1ae9af0ca13b25aa26cb4a648cb9b9d1be65b2c0924a66c54d545ec1b7374f4872e99f096",
    ),
]


@pytest.fixture(scope="session")
def chacha_stream(native: Compile) -> list[str]:
    sources = [CHACHA / name for name in ("choose-x86_64.c", "avx2.c", "avx512.c")]
    return [str(native("chacha_stream", "-O3", "-I", ROOT / "shim", *sources))]


@pytest.fixture(scope="session")
def residue(native: Compile) -> Path:
    return native("bulk_residue", "-rdynamic", "-mno-red-zone")


def openssl_keystream(key: bytes, length: int, block: int = 0) -> bytes:
    """OpenSSL's ChaCha20; its initialisation vector is the block counter, little-endian, then the nonce."""
    iv = block.to_bytes(4, "little") + bytes(12)
    command = ["openssl", "enc", "-chacha20", "-K", key.hex(), "-iv", iv.hex()]
    try:
        return subprocess.run(command, input=bytes(length), capture_output=True, check=True).stdout
    except FileNotFoundError:
        pytest.skip("openssl is not installed")


@pytest.fixture(scope="session")
def chacha_stream_neon(shared_folder: Path) -> list[str]:
    """The words that run the same program for aarch64."""
    if shutil.which("qemu-aarch64") is None or importlib.util.find_spec("ziglang") is None:
        pytest.skip("needs qemu-user and ziglang")
    program = shared_folder / "chacha_stream.aarch64"
    sources = [NATIVE / "chacha_stream.c", CHACHA / "choose-aarch64.c", CHACHA / "neon.c"]
    compile_for("aarch64", program, "-O3", "-I", ROOT / "shim", *sources)
    return ["qemu-aarch64", str(program)]


def expect_stream(program: Sequence[str], vector: int, key: bytes, stream: bytes, folder: Path) -> None:
    (folder / "stream").write_bytes(stream)
    done = subprocess.run([*program, str(vector), key.hex(), folder / "stream"], capture_output=True, text=True)
    if done.returncode == ABSENT:
        pytest.skip("this processor has no such vectors")
    assert (done.returncode, done.stdout) == (0, "")


@on_x86_64
@pytest.mark.parametrize("vector", [AVX2, AVX512])
def test_every_length_and_alignment_is_as_another_implementation_has_it(
    chacha_stream: list[str], vector: int, tmp_path: Path
) -> None:
    key = bytes(range(7, 231, 7))
    expect_stream(chacha_stream, vector, key, openssl_keystream(key, (1 << 20) + 2000), tmp_path)


def test_neon_is_as_another_implementation_has_it(chacha_stream_neon: list[str], tmp_path: Path) -> None:
    key = bytes(range(3, 99, 3))
    expect_stream(chacha_stream_neon, NEON, key, openssl_keystream(key, 70000), tmp_path)
    for key, block, stream in RFC_VECTORS:
        before = openssl_keystream(key, 64 * block)
        expect_stream(chacha_stream_neon, NEON, key, before + bytes.fromhex(stream), tmp_path)


@on_x86_64
@pytest.mark.parametrize("vector", [AVX2, AVX512])
@pytest.mark.parametrize(("key", "block", "stream"), RFC_VECTORS)
def test_vectors_of_rfc_8439(
    chacha_stream: list[str], vector: int, key: bytes, block: int, stream: str, tmp_path: Path
) -> None:
    before = openssl_keystream(key, 64 * block)
    expect_stream(chacha_stream, vector, key, before + bytes.fromhex(stream), tmp_path)


@on_x86_64
@pytest.mark.parametrize("vector", [AVX2, AVX512])
def test_nothing_of_the_key_is_left_and_little_stack_is_taken(residue: Path, library: Path, vector: int) -> None:
    done = run([residue], library, VGETRANDOM=WITHOUT[vector])
    assert done.status == 0, done.text
    used, _, stack = done.text.split()[1:]
    if int(used) != vector:
        pytest.skip("this processor has no such vectors")
    assert int(stack) <= MOST_STACK


@pytest.fixture(scope="session")
def vector_used(native: Compile) -> Path:
    return native("bulk_vector")


@pytest.mark.parametrize(
    ("words", "allowed"),
    [
        ("", {1, AVX2, AVX512}),
        ("noavx512", {1, AVX2}),
        ("other,noavx512", {1, AVX2}),
        ("nobulk", {0}),
        ("nobulk,noavx512", {0}),
        ("nobulky", {1, AVX2, AVX512}),
    ],
)
def test_the_environment_says_what_may_be_used(vector_used: Path, library: Path, words: str, allowed: set[int]) -> None:
    done = run([vector_used], library, VGETRANDOM=words)
    before, after = map(int, done.text.split())
    assert before == 0, "asking the processor is put off until the first large draw"
    assert after in allowed
    assert done.fallbacks == done.first_draws == 0


def test_off_among_other_words_is_off(vector_used: Path, library: Path) -> None:
    assert [report.status for report in run([vector_used], library, VGETRANDOM="nobulk,off").reports] == ["off"]
