"""What systemd will read of one service: its unit file and the drop-ins beside it (systemd.unit(5)).

From files, not from the running manager: so it works in an image that is being made, too.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import VgetrandomError

# In the order of their precedence (systemd.unit(5), "Unit File Load Path")
FOLDERS = (
    "etc/systemd/system",
    "run/systemd/system",
    "run/systemd/generator",
    "usr/local/lib/systemd/system",
    "usr/lib/systemd/system",
    "lib/systemd/system",
    "run/systemd/generator.late",
)


@dataclass(frozen=True)
class Unit:
    """One service, with the lines of its [Service] section from all of its files, in the order in which they count."""

    name: str  # with its suffix
    files: tuple[Path, ...]
    settings: tuple[tuple[str, str], ...]

    def last(self, key: str) -> str:
        """What a setting of one value is; "" when it is not set."""
        return next((value for name, value in reversed(self.settings) if name == key), "")

    def words(self, key: str) -> list[str]:
        """The words of a setting that is a list: an empty one forgets those before it."""
        found: list[str] = []
        for name, value in self.settings:
            if name == key:
                found = [*found, *_words(value)] if value else []
        return found

    def variable(self, name: str) -> str:
        """What Environment= sets a variable to, letter by letter with its specifiers; "" when it does not."""
        values = [word.partition("=")[2] for word in self.words("Environment") if word.startswith(f"{name}=")]
        return values[-1] if values else ""

    def program(self) -> str:
        """The first program of ExecStart=, an absolute path; "" when there is none, or a specifier in it."""
        words = self.words("ExecStart")
        path = words[0].lstrip("@-:+!|") if words else ""
        return path if path.startswith("/") and "%" not in path else ""


def full_name(name: str) -> str:
    """`nginx` is nginx.service. Raises VgetrandomError for what can't be a service's name."""
    name = name if "." in name.partition("@")[2] or name.endswith(".service") else f"{name}.service"
    if not re.fullmatch(r"[A-Za-z0-9:_.\\-]+(@[A-Za-z0-9:_.\\-]*)?\.service", name):
        raise VgetrandomError(f"{name!r} is no name of a service; give one as `systemctl list-units` prints it")
    return name


def read_unit(name: str, root: Path, skip: str = "") -> Unit:
    """A service below `root`, without the drop-ins named `skip`.

    Raises VgetrandomError when there is no such service, when it is masked, and when a file can't be read.
    """
    name = full_name(name)
    file = _unit_file(name, root)
    if file is None:
        raise VgetrandomError(f"there is no {name} below {root}; `systemctl list-unit-files` shows all")
    if (file.is_symlink() and file.resolve() == Path("/dev/null")) or not file.stat().st_size:
        raise VgetrandomError(f"{name} is masked, and can't be started")
    files = [file, *(path for path in _drop_ins({name, file.resolve().name}, root) if path.name != skip)]
    return Unit(name, tuple(files), tuple(pair for path in files for pair in _settings(path)))


def _unit_file(name: str, root: Path) -> Path | None:
    template = re.sub(r"@.*\.", "@.", name)
    places = (root / folder / each for each in (name, template) for folder in FOLDERS)
    return next((path for path in places if path.exists() or path.is_symlink()), None)


def _drop_ins(names: set[str], root: Path) -> list[Path]:
    """In the order in which they count: by name, and of one name the first folder's alone."""
    found: dict[str, Path] = {}
    folders = {f"{each}.d" for name in names for each in _names_of_folders(name)}
    for folder in FOLDERS:
        for path in sorted(one for each in folders for one in (root / folder / each).glob("*.conf")):
            found.setdefault(path.name, path)
    return [found[name] for name in sorted(found)]


def _names_of_folders(name: str) -> Iterator[str]:
    """service, foo-.service, foo-bar@.service, foo-bar@x.service for foo-bar@x.service."""
    yield "service"
    yield name
    yield re.sub(r"@.*\.", "@.", name)
    stem = name[: -len(".service")]
    for dash in re.finditer("-", stem):
        yield f"{stem[: dash.end()]}.service"


def _settings(path: Path) -> Iterator[tuple[str, str]]:
    """The lines of [Service]: a comment is no line, and a backslash at an end continues one."""
    try:
        text = path.read_text(errors="replace")
    except OSError as error:
        raise VgetrandomError(f"{path} can't be read: {error.strerror}") from error
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith(("#", ";")))
    section = ""
    for line in re.sub(r"\\\n", " ", lines).splitlines():
        line = line.strip()
        if line.startswith("["):
            section = line
        elif section == "[Service]" and "=" in line:
            key, _, value = line.partition("=")
            yield key.strip(), value.strip()


def _words(value: str) -> Sequence[str]:
    """Words as systemd splits them, as far as quotes go. Raises VgetrandomError for a quote without an end."""
    try:
        return shlex.split(value, comments=False)
    except ValueError as error:
        raise VgetrandomError(f"the setting {value!r} can't be read: {error}") from error
