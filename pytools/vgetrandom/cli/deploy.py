"""`vgetrandom deploy`: put the library into a service, an image, a pod or a host, and take it out again."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from ..deploy import host, image, pod, service
from ..deploy.changes import Change, apply, described
from ..deploy.listing import deployments, unused_copy
from ..deploy.placing import place_for, require_root
from ..deploy.trial import require_harmless
from ..errors import VgetrandomError
from ..output.table import print_table
from ..preload.identity import require_library
from ..preload.library import library_path
from ..system.elf import read_elf

_TARGETS = ("service", "image", "pod", "host")

_EPILOG = """targets:
  service NAME      a drop-in for a service of systemd; what it preloads already stays, and comes first
  image DOCKERFILE  lines at the end of a Dockerfile, and the library beside it
  pod MANIFEST      a workload of Kubernetes as JSON (kubectl get -o json), and a ConfigMap with the library beside it
  host              /etc/ld.so.preload, for every program of this host: tried first in a private mount namespace

Nothing is written before programs of this host have run with the library and were the same. --undo makes the files
what they were. No service is restarted: the command says what to do next.

exit status: 0 done, 1 it would reach nothing or do harm, or there is nothing to undo or to list, 2 an error"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `deploy`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument("target", nargs="?", choices=_TARGETS, metavar="TARGET", help=", ".join(_TARGETS))
    parser.add_argument("name", nargs="?", metavar="NAME", help="the service, the Dockerfile, the manifest")
    parser.add_argument("--undo", action="store_true", help="take the library out again")
    parser.add_argument("--dry-run", action="store_true", help="try, show what would be written, and write nothing")
    parser.add_argument("--list", action="store_true", help="what is deployed on this host (services, and the host)")
    parser.add_argument("--json", action="store_true", help="with --list: print JSON")
    parser.add_argument("--library", type=Path, metavar="FILE", help="another build (vgetrandom build makes them)")
    parser.add_argument(
        "--root", type=Path, default=Path("/"), metavar="DIR", help="with service: the system below DIR, not this host"
    )


def run(args: argparse.Namespace) -> int:
    """Deploy, take back or list."""
    _require_sense(args)
    if args.list:
        return _list(args.root.resolve(), args.json)
    if args.undo:
        return _undo(args)
    library = require_library((args.library or library_path()).resolve())
    if args.target == "host":
        return _deploy_host(args, library)
    changes, after = _changes(args, library)
    if _runs_here(library):
        require_harmless(library)
    elif not args.dry_run:
        print(f"not tried: {library} is for {read_elf(library)}, and no program of this host can have it")
    if args.dry_run:
        return _show(changes)
    apply(changes)
    _tell(changes, after)
    return 0


def _require_sense(args: argparse.Namespace) -> None:
    if not args.root.is_dir():
        raise VgetrandomError(f"--root {args.root} is no folder; name the folder that stands for /")
    if args.list:
        if args.target or args.undo or args.dry_run:
            raise VgetrandomError("--list takes no target, no --undo and no --dry-run")
        return
    if args.json:
        raise VgetrandomError("--json goes with --list")
    if args.target is None:
        raise VgetrandomError(f"nothing to deploy to; name one of {', '.join(_TARGETS)}, or give --list")
    if (args.name is None) != (args.target == "host"):
        what = {"service": "a service", "image": "a Dockerfile", "pod": "a manifest", "host": "no name"}[args.target]
        raise VgetrandomError(f"deploy {args.target} wants {what}; see vgetrandom deploy --help")
    if args.root != Path("/") and args.target != "service":
        raise VgetrandomError("--root goes with service")
    if args.target in ("service", "host") and args.root == Path("/") and not args.dry_run:
        require_root("that file")


def _changes(args: argparse.Namespace, library: Path) -> tuple[list[Change], str]:
    """What is to be written, and what the user has to do then."""
    if args.target == "image":
        return image.insertion(Path(args.name), library), "build the image again"
    if args.target == "pod":
        manifest = Path(args.name)
        config_map = manifest.with_name(f"{manifest.stem}.vgetrandom.json")
        return pod.insertion(manifest, library), f"kubectl apply -f {config_map} -f {manifest}"
    root = args.root.resolve()
    path, writes = place_for(library, root)
    return [*writes, *service.insertion(args.name, root, path)], _restart(args)


def _restart(args: argparse.Namespace) -> str:
    return f"systemctl daemon-reload && systemctl restart {args.name}" if args.root == Path("/") else ""


def _deploy_host(args: argparse.Namespace, library: Path) -> int:
    require_root("a trial with all programs of this host")
    path, writes = place_for(library, Path("/"))
    changes = host.insertion(path, writes)
    count = host.try_privately(library)
    print(f"tried: {count} commands of this host are the same with the library")
    if args.dry_run:
        return _show(changes)
    host.write_and_verify(changes, path)
    _tell(changes, "")
    print("every program that is started from now on has it; to take it out: vgetrandom deploy host --undo")
    print(f"where nothing starts any more, this does (it needs no loader and no libc): {host.TAKE_BACK}")
    return 0


def _undo(args: argparse.Namespace) -> int:
    after = ""
    if args.target == "host":
        changes = host.removal()
        gone = "host"
    elif args.target == "service":
        root = args.root.resolve()
        changes = service.removal(args.name, root)
        gone, after = service.drop_in(args.name, root).parent.name[: -len(".d")], _restart(args)
    else:
        changes = (image if args.target == "image" else pod).removal(Path(args.name))
        gone = ""
    if not changes:
        raise VgetrandomError(f"there is nothing of vgetrandom to take out of {args.name or 'this host'}", 1)
    if gone:
        changes += unused_copy(args.root.resolve(), gone)
    if args.dry_run:
        return _show(changes)
    apply(changes)
    _tell(
        changes,
        after or {"image": "build the image again", "pod": f"kubectl apply -f {args.name}"}.get(args.target, ""),
    )
    return 0


def _runs_here(library: Path) -> bool:
    mine, other = read_elf(Path("/proc/self/exe")), read_elf(library)
    return mine is None or other is None or mine.loads(other)


def _show(changes: Sequence[Change]) -> int:
    lines = list(described(changes))
    print("\n".join(lines) if lines else "nothing would be written: it is so already")
    return 0


def _tell(changes: Sequence[Change], after: str) -> None:
    for change in changes:
        print(f"{'removed' if change.content is None else 'written'}: {change.path}")
    if after:
        print(f"next: {after}")


def _list(root: Path, as_json: bool) -> int:
    found = deployments(root)
    if as_json:
        rows = [
            {"target": one.target, "file": str(one.file), "library": str(one.library), "state": one.state}
            for one in found
        ]
        print(json.dumps({"schema": 1, "deployments": rows}, indent=2))
    else:
        print_table(
            ("TARGET", "LIBRARY", "STATE", "FILE"),
            [(one.target, str(one.library), one.state, str(one.file)) for one in found],
        )
        if not found:
            print(
                "nothing is deployed here: no service has the drop-in, and no list for the whole host names the library"
            )
    return 0 if found else 1
