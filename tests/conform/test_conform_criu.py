"""What CRIU restores: the case tells one that restores droppable memory as ordinary memory from one that does not."""

from __future__ import annotations

import json
import platform
import re
import subprocess
from pathlib import Path

import needs
import pytest
from command import runner_for
from vgetrandom.errors import VgetrandomError
from vgetrandom.system.debian import fetch

# Unpacked and not installed: CRIU with all that it is linked with.
LIBRARIES = (
    "libbsd0 libc6 libcap2 libedit2 libffi8 libgcc-s1 libgmp10 libgnutls30t64 libhogweed6t64 libidn2-0 libjansson4 "
    "libmd0 libmnl0 libnettle8t64 libnftables1 libnftnl11 libnl-3-200 libp11-kit0 libprotobuf-c1 libtasn1-6 libtinfo6 "
    "libunistring5 libuuid1 libxtables12"
)
NETWORK = {"trixie": "libnet1", "sid": "libnet9"}
needs_root = needs.root("to dump and restore processes")


def criu_of(release: str, folder: Path) -> tuple[Path, tuple[int, ...]]:
    """A command that runs the release's CRIU, and its version; skips where it can't be had."""
    if platform.machine() != "x86_64":
        needs.another_host("with an x86-64 processor")
    try:
        root = fetch(release, "amd64", ["criu", NETWORK[release], *LIBRARIES.split()])
    except VgetrandomError as error:
        needs.skip(str(error), needs.MIRROR)
    libraries = root / "usr/lib/x86_64-linux-gnu"
    command = folder / "criu"
    loader = f"{libraries}/ld-linux-x86-64.so.2 --library-path {libraries}"
    command.write_text(f'#!/bin/sh\nexec {loader} {root}/usr/sbin/criu "$@"\n')
    command.chmod(0o755)
    said = subprocess.run([command, "--version"], capture_output=True, text=True).stdout
    found = re.search(r"Version: ([0-9.]+)", said)
    if not found:
        needs.another_host(f"on which CRIU of {release} runs")
    return command, tuple(map(int, found[1].split(".")))


@needs_root
@pytest.mark.parametrize("release", list(NETWORK))
def test_twins_repeat_where_droppable_memory_is_restored_as_ordinary(
    library: Path, tmp_path: Path, release: str
) -> None:
    command, version = criu_of(release, tmp_path)
    words = ("conform", "shim", "native", "-k", "memory_restored", "--json")
    for _ in range(3):  # the kernel makes a new key once a minute: where it does in the middle, draws behind it differ
        done = runner_for(library)(*words, CONFORM_CRIU=str(command))
        results = {result["target"]: result for result in json.loads(done.stdout)["results"]}
        if results["shim"]["outcome"] == "skip":
            needs.another_host(f"on which CRIU can dump: {results['shim']['reason']}")
        loses = version < (4, 2) and results["shim"]["facts"]["droppable"].startswith("yes")
        if not loses or "12 of 12 draws are the same" in results["shim"]["reason"]:
            break
    assert results["shim"]["outcome"] == ("fail" if loses else "pass"), results["shim"]
    if loses:
        assert f"CRIU {'.'.join(map(str, version))}: 12 of 12 draws are the same" in results["shim"]["reason"]
        assert "restored droppable memory as ordinary memory" in results["shim"]["reason"]


def test_without_criu_it_is_a_skip_that_says_how_to_name_one(library: Path) -> None:
    words = ("conform", "native", "-k", "memory_restored", "--json")
    (result,) = json.loads(runner_for(library)(*words, CONFORM_CRIU="/nonexistent").stdout)["results"]
    assert result["outcome"] == "skip"
    assert "root" in result["reason"] or "CONFORM_CRIU" in result["reason"]
