"""Debian packages of any release and architecture, verified by apt, unpacked in a cache and never installed.

apt runs with folders of its own (lists, archives, an empty status file) below the cache, so the host's package state
is neither read nor changed. The mirror and the keyring are those that the host's own apt sources name: every file is
verified as for an `apt-get install` on this host, and a host without a Debian source can fetch nothing.

    cache/apt/RELEASE-ARCH/     apt's folders for one release and architecture, under a lock;
                                resolved/ remembers which root some packages led to, as long as the lists are fresh
    cache/sources/NAME          archives of source packages, in which upstream's release is
    cache/roots/NAME            unpacked packages; the name holds a digest of their versions and checksums

`python -m vgetrandom.system.debian RELEASE ARCH PACKAGE...` prints the unpacked folder.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import VgetrandomError

CACHE_VARIABLE = "VGETRANDOM_CACHE"
LISTS_FRESH_FOR = 24 * 3600  # seconds

_APT_FOLDER = Path("/etc/apt")
_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]*\Z")
# The names under which Debian's main archive is asked for: how a Debian source is told from a vendor's.
_DEBIAN_CODENAMES = {"buster", "bullseye", "bookworm", "trixie", "forky", "duke", "sid"}
_DEBIAN_SUITES = _DEBIAN_CODENAMES | {"stable", "oldstable", "oldoldstable", "testing", "unstable"}


@dataclass(frozen=True)
class Mirror:
    """Where this host gets Debian from, and by which keys it verifies that."""

    uri: str
    signed_by: str  # as in deb822: one or several files, or a key in several lines; empty: apt's trusted keys


@dataclass(frozen=True)
class _Download:
    """One package file that apt would fetch, as `apt-get download --print-uris` names it."""

    file: str
    checksum: str


def cache_folder() -> Path:
    """The tool's own cache folder, made when it is not there.

    VGETRANDOM_CACHE names it; otherwise it is `vgetrandom` below XDG_CACHE_HOME or ~/.cache.
    Raises VgetrandomError when it cannot be written.
    """
    override = os.environ.get(CACHE_VARIABLE)
    home = os.environ.get("XDG_CACHE_HOME")
    if override:
        folder = Path(override)
    elif home and Path(home).is_absolute():  # the XDG base directory specification ignores relative ones
        folder = Path(home) / "vgetrandom"
    else:
        folder = Path("~/.cache/vgetrandom").expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise VgetrandomError(
            f"the cache folder {folder} can't be written ({error.strerror}); set {CACHE_VARIABLE} to one that can"
        ) from error
    return folder.resolve()


def host_mirror(folder: Path = _APT_FOLDER) -> Mirror:
    """The first source of Debian's main archive in the host's apt configuration (sources.list(5)).

    Raises VgetrandomError when there is none.
    """
    one_line = [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*.list"))]
    stanzas: list[dict[str, str]] = []
    for path in one_line:
        stanzas += [stanza for line in _read(path).splitlines() if (stanza := _one_line_source(line))]
    for path in sorted((folder / "sources.list.d").glob("*.sources")):
        stanzas += _deb822_stanzas(_read(path))
    for stanza in stanzas:
        types, suites = stanza.get("types", "").split(), stanza.get("suites", "").split()
        enabled = stanza.get("enabled", "yes").lower() not in ("no", "false", "0")
        uris = stanza.get("uris", "").split()
        if enabled and "deb" in types and uris and _DEBIAN_SUITES.intersection(suites):
            return Mirror(uris[0], stanza.get("signed-by", ""))
    raise VgetrandomError(f"no Debian source is configured in {folder}; add one to fetch Debian's packages")


def fetch(release: str, arch: str, packages: Sequence[str]) -> Path:
    """Fetch and unpack packages (without their dependencies); returns the folder that stands for `/`.

    `release` is a suite of Debian's main archive ("trixie"), `arch` Debian's name of an architecture ("ppc64el").
    The folder is complete, shared and not to be written to. Package lists older than a day are renewed when the
    network allows; a warm cache needs no network before that. Security and update suites are not consulted.
    Whether an expired Release file is accepted is the host's setting (Acquire::Check-Valid-Until in apt.conf(5)).

    Raises VgetrandomError when there is no apt, no network, or no such release, architecture or package.
    """
    _check_names(release, arch, *packages)
    if not packages:
        raise VgetrandomError("no Debian package was named; name at least one")
    cache = cache_folder()
    apt_folder = cache / "apt" / f"{release}-{arch}"
    with _locked(apt_folder):
        config = _configure(apt_folder, release, arch)
        _renew_lists(config, release, arch)
        wanted = sorted(set(packages))
        known = apt_folder / "resolved" / hashlib.sha256(" ".join(wanted).encode()).hexdigest()
        root = cache / "roots" / (_read(known) or "none")
        if not root.is_dir():
            downloads = _resolve(config, release, arch, wanted)
            root = cache / "roots" / f"{release}-{arch}-{'+'.join(wanted)[:80]}-{_digest(downloads)}"
            if not root.is_dir():
                _unpack(config, wanted, downloads, root)
            known.write_text(root.name)
    return root


def fetch_source(release: str, package: str) -> Path:
    """Fetch what upstream released of a source package, without Debian's patches; returns the tar archive.

    It is verified as `fetch` does, and shared; raises VgetrandomError as that does.
    """
    _check_names(release, package)
    cache = cache_folder()
    apt_folder = cache / "apt" / f"{release}-source"
    with _locked(apt_folder):
        config = _configure(apt_folder, release, "all", "deb-src")
        _renew_lists(config, release, "source")
        known = apt_folder / "resolved" / package
        archive = cache / "sources" / (_read(known) or "none")
        if not archive.is_file():
            archive = _fetch_archive(config, release, package, cache / "sources")
            known.write_text(archive.name)
    return archive


def find(release: str, arch: str, pattern: str) -> str:
    """The package with the highest numbers in its name, of those whose whole name matches a regular expression.

    For kernels, whose packages are named after their version. Raises VgetrandomError when there is none, and as fetch.
    """
    _check_names(release, arch)
    apt_folder = cache_folder() / "apt" / f"{release}-{arch}"
    with _locked(apt_folder):
        config = _configure(apt_folder, release, arch)
        _renew_lists(config, release, arch)
        known = apt_folder / "resolved" / f"find-{hashlib.sha256(pattern.encode()).hexdigest()}"
        if name := _read(known):
            return name
        done = subprocess.run(["apt-cache", "-c", str(config), "pkgnames"], capture_output=True, text=True)
        names = [name for name in done.stdout.split() if re.fullmatch(pattern, name)]
        if not names:
            raise VgetrandomError(f"Debian {release} for {arch} has no package named like {pattern}")
        newest = max(names, key=lambda name: [int(number) for number in re.findall(r"[0-9]+", name)])
        known.write_text(newest)
    return newest


def libc_directory(release: str, arch: str) -> Path:
    """The folder of one release's glibc (the one that holds libc.so.6); for `--libc` and LD_LIBRARY_PATH.

    Raises VgetrandomError as `fetch` does.
    """
    root = fetch(release, arch, ["libc6"])
    found = sorted((root / "usr/lib").glob("*/libc.so.6")) + sorted((root / "lib").glob("*/libc.so.6"))
    if not found:
        raise VgetrandomError(f"libc6 of {release} on {arch} has no libc.so.6 in a library folder")
    return found[0].resolve().parent


def _check_names(*names: str) -> None:
    """Raises VgetrandomError for a name that no package can have, and where there is no apt."""
    for name in names:
        if not _NAME.match(name):
            raise VgetrandomError(f"{name!r} can't be the name of a Debian release, architecture or package")
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise VgetrandomError(f"{tool} is not installed; Debian's packages can only be fetched where apt is")


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def _one_line_source(line: str) -> dict[str, str]:
    """`deb [option=value ...] uri suite component...` as the fields of a stanza; empty when it is no source."""
    found = re.match(r"\s*(deb)\s+(?:\[([^]]*)\]\s+)?(\S+)\s+(\S+)", line)
    if not found:
        return {}
    kind, options, uri, suite = found.groups()
    settings = dict(option.split("=", 1) for option in (options or "").split() if "=" in option)
    return {"types": kind, "uris": uri, "suites": suite, "signed-by": settings.get("signed-by", "").replace(",", " ")}


def _deb822_stanzas(text: str) -> list[dict[str, str]]:
    """Stanzas of `Field: value` lines with continuation lines; field names in lower case (deb822(5))."""
    stanzas: list[dict[str, str]] = [{}]
    field = ""
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        if not line.strip():
            stanzas.append({})
        elif line[0] in " \t":
            if field in stanzas[-1]:
                stanzas[-1][field] += "\n" + line
        elif ":" in line:
            name, value = line.split(":", 1)
            field = name.strip().lower()
            stanzas[-1][field] = value.strip()
    return [stanza for stanza in stanzas if stanza]


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One process at a time in `folder`, which is made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    except OSError as error:
        raise VgetrandomError(f"the cache folder {folder} can't be used: {error.strerror}; remove it") from error


def _configure(folder: Path, release: str, arch: str, kind: str = "deb") -> Path:
    """Write apt's configuration for one release and architecture; returns the file for `apt-get -c`.

    `kind` as in deb822: "deb" for packages, "deb-src" for source packages.
    """
    mirror = host_mirror()
    for name in ("lists/partial", "archives/partial", "empty", "resolved"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "status").touch()
    source = {"Types": kind, "URIs": mirror.uri, "Suites": release, "Components": "main", "Architectures": arch}
    if mirror.signed_by:
        source["Signed-By"] = mirror.signed_by
    (folder / "debian.sources").write_text("".join(f"{field}: {value}\n" for field, value in source.items()))
    settings = {
        "APT::Architecture": arch,
        "APT::Install-Recommends": "false",
        "Acquire::GzipIndexes": "true",
        "Acquire::Languages": "none",
        "Acquire::Retries": "2",
        "Dir::State": str(folder),
        "Dir::State::lists": str(folder / "lists"),
        "Dir::State::status": str(folder / "status"),
        "Dir::Cache": str(folder),
        "Dir::Cache::archives": str(folder / "archives"),
        "Dir::Cache::pkgcache": "",  # 80 MB each, worth a second a fetch; resolved/ saves more
        "Dir::Cache::srcpkgcache": "",
        "Dir::Etc::sourcelist": str(folder / "debian.sources"),
        "Dir::Etc::sourceparts": str(folder / "empty"),
        "Dir::Etc::preferences": str(folder / "empty" / "none"),
        "Dir::Etc::preferencesparts": str(folder / "empty"),
    }
    if os.geteuid() == 0:
        settings["APT::Sandbox::User"] = "root"  # apt's own user can't enter a cache in root's home
    # Hooks and foreign architectures of the host are not for a private folder.
    cleared = ("APT::Architectures", "APT::Update", "DPkg", "Acquire::IndexTargets::deb::DEP-11")
    text = "".join(f"#clear {name};\n" for name in cleared)
    text += "".join(f'{name} "{value}";\n' for name, value in settings.items())
    config = folder / "apt.conf"
    config.write_text(text + f'APT::Architectures {{ "{arch}"; }};\n')
    return config


def _apt_get(config: Path, *arguments: str, cwd: Path) -> str:
    """Run one apt-get command in a plain locale; returns its output. Raises VgetrandomError with apt's first error."""
    command = ["apt-get", "-c", str(config), "-q", *arguments]
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, "LC_ALL": "C"}, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    errors = [line[2:].strip() for line in done.stderr.splitlines() if line.startswith("E:")]
    if done.returncode != 0 or errors:
        why = errors[0] if errors else f"exit status {done.returncode}"
        raise VgetrandomError(f"`apt-get {arguments[0]}` failed: {why}")
    return done.stdout


def _renew_lists(config: Path, release: str, arch: str) -> None:
    """Fetch package lists unless they are fresh; old ones do where the network does not answer."""
    stamp = config.parent / "updated"
    described = (config.parent / "debian.sources").read_bytes()
    usable = stamp.is_file() and stamp.read_bytes() == described
    if usable and time.time() - stamp.stat().st_mtime < LISTS_FRESH_FOR:
        return
    try:
        _apt_get(config, "update", "-o", "APT::Update::Error-Mode=any", cwd=config.parent)
    except VgetrandomError as error:
        if usable:
            return
        raise VgetrandomError(
            f"Debian {release} for {arch} can't be had from this host's mirror; check names and network ({error})"
        ) from error
    for known in (config.parent / "resolved").iterdir():
        known.unlink()
    stamp.write_bytes(described)


def _fetch_archive(config: Path, release: str, package: str, folder: Path) -> Path:
    """Upstream's archive of a source package, in the folder."""
    words = ("source", "--download-only", "--tar-only", package)
    try:
        lines = _apt_get(config, *words, "--print-uris", cwd=config.parent).splitlines()
    except VgetrandomError as error:
        raise VgetrandomError(f"Debian {release} has no such source package ({error})") from error
    names = [shlex.split(line)[1] for line in lines if line.startswith("'")]
    if len(names) != 1:
        raise VgetrandomError(f"Debian {release} has the source of {package} in {len(names)} archives, not in one")
    archive = folder / names[0]
    if not archive.is_file():
        folder.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".downloading-") as scratch:
            _apt_get(config, *words, cwd=Path(scratch))
            Path(scratch, archive.name).rename(archive)
    return archive


def _resolve(config: Path, release: str, arch: str, packages: Sequence[str]) -> list[_Download]:
    """Which files the packages are now, sorted by name."""
    try:
        output = _apt_get(config, "download", "--print-uris", *packages, cwd=config.parent)
    except VgetrandomError as error:
        raise VgetrandomError(f"Debian {release} for {arch} has no such package ({error})") from error
    words = [shlex.split(line) for line in output.splitlines() if line.startswith("'")]
    return sorted((_Download(line[1], line[3]) for line in words), key=lambda download: download.file)


def _digest(downloads: Sequence[_Download]) -> str:
    text = "".join(f"{download.file} {download.checksum}\n" for download in downloads)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _unpack(config: Path, packages: Sequence[str], downloads: Sequence[_Download], root: Path) -> None:
    """Download, verify, unpack beside `root` and rename: nobody sees an incomplete root."""
    root.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root.parent, prefix=".unpacking-") as scratch:
        debs, new_root = Path(scratch) / "debs", Path(scratch) / "root"
        debs.mkdir()
        _apt_get(config, "download", *packages, cwd=debs)
        for deb in sorted(debs.glob("*.deb")):
            done = subprocess.run(["dpkg-deb", "-x", str(deb), str(new_root)], capture_output=True, text=True)
            if done.returncode != 0:
                raise VgetrandomError(f"{deb.name} can't be unpacked: {done.stderr.strip().splitlines()[-1]}")
        _merge_usr(new_root)
        (new_root / "PACKAGES").write_text("".join(f"{download.file}\n" for download in downloads))
        new_root.chmod(0o755)
        new_root.rename(root)


def _merge_usr(root: Path) -> None:
    """Give a merged-/usr package set the links (`lib` to `usr/lib`) that base-files has on a real system.

    An emulator's prefix and a compiler's sysroot look for the dynamic loader through them.
    """
    for folder in sorted((root / "usr").glob("lib*")):
        link = root / folder.name
        if folder.is_dir() and not os.path.lexists(link):
            link.symlink_to(Path("usr") / folder.name)


def main() -> int:
    """`python -m vgetrandom.system.debian RELEASE ARCH PACKAGE...`: print the unpacked folder."""
    if len(sys.argv) < 4:
        print("usage: python -m vgetrandom.system.debian RELEASE ARCH PACKAGE...", file=sys.stderr)
        return 2
    try:
        print(fetch(sys.argv[1], sys.argv[2], sys.argv[3:]))
    except VgetrandomError as error:
        print(f"vgetrandom: {error}", file=sys.stderr)
        return error.status
    return 0


if __name__ == "__main__":
    sys.exit(main())
