"""A workload of Kubernetes: its manifest as JSON (`kubectl get -o json`), and a ConfigMap that holds the library.

The library is well below the megabyte that a ConfigMap can hold, and so needs no image, no node and no registry of
its own. The ConfigMap's name holds the library's build id: another build is another name, and rolls the pods.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import VgetrandomError
from ..preload.identity import identify, require_library
from ..preload.library import LIBRARY_NAME
from .changes import Change, content_of

FOLDER = Path("/opt/vgetrandom")  # in the containers
_VOLUME = "vgetrandom"
_PATH = str(FOLDER / LIBRARY_NAME)
_READ_AND_EXECUTE = 0o555

Object = dict[str, Any]


def insertion(manifest: Path, library: Path) -> list[Change]:
    """What has to be written so that every container of a manifest's pods preloads the library.

    Raises VgetrandomError for what is no such manifest, and where a LD_PRELOAD that is there can't be kept.
    """
    require_library(library)
    document, indent = _read(manifest)
    name = f"vgetrandom-{(identify(library).build_id or identify(library).sha256)[:12]}"
    for pod in _pods(manifest, document):
        _take_out(pod)
        pod.setdefault("volumes", []).append(
            {"name": _VOLUME, "configMap": {"name": name, "defaultMode": _READ_AND_EXECUTE}}
        )
        for container in pod["containers"]:
            _put_in(manifest, container)
    config_map = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, **_namespace(document)},
        "immutable": True,
        "binaryData": {LIBRARY_NAME: base64.b64encode(library.read_bytes()).decode()},
    }
    return [Change(_config_map(manifest), _text(config_map, 2)), Change(manifest, _text(document, indent))]


def removal(manifest: Path) -> list[Change]:
    """The manifest as it was; empty when there is nothing of ours in it."""
    document, indent = _read(manifest)
    before = json.dumps(document)
    for pod in _pods(manifest, document):
        _take_out(pod)
    if json.dumps(document) == before:
        return []
    return [Change(manifest, _text(document, indent)), Change(_config_map(manifest), None)]


def _config_map(manifest: Path) -> Path:
    return manifest.with_name(f"{manifest.stem}.vgetrandom.json")


def _text(document: Object, indent: int) -> bytes:
    return (json.dumps(document, indent=indent or None, ensure_ascii=False) + "\n").encode()


def _read(manifest: Path) -> tuple[Object, int]:
    """The document, and by how many spaces it is indented."""
    content = content_of(manifest)
    if content is None:
        raise VgetrandomError(f"there is no {manifest}; `kubectl get deployment NAME -o json` writes one")
    try:
        text = content.decode()
        document = json.loads(text)
    except ValueError:
        raise VgetrandomError(
            f"{manifest} is no JSON; `kubectl create --dry-run=client -o json -f FILE` makes it of YAML"
        ) from None
    if not isinstance(document, dict):
        raise VgetrandomError(f"{manifest} is no manifest of Kubernetes")
    spaces = re.match(r"\{\n( +)", text)
    return document, len(spaces[1]) if spaces else 0


def _namespace(document: Object) -> dict[str, str]:
    items = document.get("items") or [document]
    found = {item.get("metadata", {}).get("namespace", "") for item in items}
    if len(found) > 1:
        raise VgetrandomError("the manifest is of several namespaces, and a ConfigMap is of one; give one at a time")
    return {"namespace": found.pop()} if found != {""} else {}


def _pods(manifest: Path, document: Object) -> list[Object]:
    """The specification of each pod in it, whatever makes the pods."""
    found = list(_specifications(document))
    if not found:
        raise VgetrandomError(f"{manifest} has no pod in it: no list of containers")
    return found


def _specifications(document: Object) -> Iterator[Object]:
    for value in document.values():
        if isinstance(value, dict):
            if isinstance(value.get("containers"), list):
                yield value
            else:
                yield from _specifications(value)
        elif isinstance(value, list):
            for item in value:
                if isinstance(item, dict):
                    yield from _specifications(item)


def _put_in(manifest: Path, container: Object) -> None:
    variables = container.setdefault("env", [])
    ours = next((one for one in variables if one.get("name") == "LD_PRELOAD"), None)
    if ours is None:
        variables.append({"name": "LD_PRELOAD", "value": _PATH})
    elif "valueFrom" in ours:
        raise VgetrandomError(
            f"{manifest}: container {container.get('name')} has LD_PRELOAD from elsewhere; add {_PATH} to its end there"
        )
    else:
        ours["value"] = ":".join([*_others(ours.get("value", "")), _PATH])
    container.setdefault("volumeMounts", []).append({"name": _VOLUME, "mountPath": str(FOLDER), "readOnly": True})


def _take_out(pod: Object) -> None:
    _drop(pod, "volumes", lambda volume: volume.get("name") == _VOLUME)
    for container in pod["containers"]:
        _drop(container, "volumeMounts", lambda mount: mount.get("name") == _VOLUME)
        for variable in container.get("env", []):
            if variable.get("name") == "LD_PRELOAD" and _PATH in variable.get("value", ""):
                variable["value"] = ":".join(_others(variable["value"]))
        _drop(container, "env", lambda one: one.get("name") == "LD_PRELOAD" and one.get("value") == "")


def _others(value: str) -> list[str]:
    return [word for word in re.split(r"[\s:]+", value) if word not in ("", _PATH)]


def _drop(owner: Object, key: str, ours: Any) -> None:
    """Take items out of a list; a list that becomes empty goes."""
    before = owner.get(key)
    if before is not None:
        owner[key] = [item for item in before if not ours(item)]
        if before and not owner[key]:
            del owner[key]
