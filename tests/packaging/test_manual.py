"""The manual pages say what the parsers say, and the shells complete it."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import needs
import pytest
from conftest import ROOT
from vgetrandom.cli import VERBS, whole_parser

pytestmark = needs.python("shtab")


@pytest.fixture(scope="module")
def manual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pages and completions, made as the build makes them."""
    folder = tmp_path_factory.mktemp("manual")
    subprocess.run([sys.executable, ROOT / "pytools/manual.py", folder, "9.8.7"], check=True)
    return folder


def pages(manual: Path) -> list[Path]:
    return [*sorted(manual.glob("*.1")), *sorted((ROOT / "docs/man").iterdir())]


def test_every_verb_has_a_page_with_all_its_options(manual: Path) -> None:
    parser = whole_parser()
    verbs = next(one for one in parser._actions if isinstance(one, argparse._SubParsersAction)).choices
    assert set(verbs) == set(VERBS)
    for verb, one in verbs.items():
        text = (manual / f"vgetrandom-{verb}.1").read_text().replace("\\-", "-")
        for action in one._actions:
            names = action.option_strings if action.help != argparse.SUPPRESS else []
            assert all(name in text for name in names), (verb, names)
        assert "vgetrandom 9.8.7" in text.splitlines()[0]
        assert verb in (manual / "vgetrandom.1").read_text().replace("\\-", "-")


@needs.program("mandoc")
def test_mandoc_finds_nothing_wrong(manual: Path) -> None:
    done = subprocess.run(["mandoc", "-Tlint", "-Wwarning", *pages(manual)], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


@needs.program("groff")
def test_groff_finds_nothing_wrong(manual: Path) -> None:
    for page in pages(manual):
        done = subprocess.run(["groff", "-man", "-ww", "-z", "-Tutf8", page], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")


def test_bash_completes_verbs_and_options(manual: Path) -> None:
    ask = """
    source "$1"
    complete_words() {
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
        _shtab_vgetrandom
        echo "${COMPREPLY[@]}"
    }
    complete_words vgetrandom dep
    complete_words vgetrandom deploy --und
    """
    done = subprocess.run(["bash", "-c", ask, "bash", manual / "vgetrandom"], capture_output=True, text=True)
    assert done.stdout.split() == ["deploy", "--undo"], done.stderr


@pytest.mark.parametrize(("shell", "file"), [("zsh", "_vgetrandom"), ("fish", "vgetrandom.fish")])
def test_the_other_shells_can_read_theirs(manual: Path, shell: str, file: str) -> None:
    needs.require(shell)
    done = subprocess.run([shell, "-n", manual / file], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "deploy" in (manual / file).read_text()
