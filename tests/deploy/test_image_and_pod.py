"""`vgetrandom deploy image` and `pod`: lines that keep what is there, and go as they came."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from broken import compile_broken, tree
from command import Vgetrandom, one_line

IN_POD = "/opt/vgetrandom/libvgetrandom.so"
IN_IMAGE = "/usr/local/lib/libvgetrandom.so"


def dockerfile(folder: Path, text: str) -> Path:
    path = folder / "context" / "Dockerfile"
    path.parent.mkdir()
    path.write_text(text)
    return path


def manifest(folder: Path, document: dict[str, Any], indent: int | None = 4) -> Path:
    path = folder / "manifests" / "shop.json"
    path.parent.mkdir()
    path.write_text(json.dumps(document, indent=indent) + "\n")
    return path


def container(**more: Any) -> dict[str, Any]:
    return {"name": "shop", "image": "shop:1", **more}


def deployment(*containers: dict[str, Any], **more: Any) -> dict[str, Any]:
    template = {"metadata": {"labels": {"app": "shop"}}, "spec": {"containers": list(containers), **more}}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "shop"}, "spec": {"template": template}}


@pytest.mark.parametrize("text", ["FROM debian:12\nENV LD_PRELOAD=/a.so\n", "ARG V=3\nfrom alpine:$V\nUSER nobody"])
def test_image_gets_the_library_and_undo_leaves_nothing(
    vgetrandom: Vgetrandom, library: Path, tmp_path: Path, text: str
) -> None:
    path = dockerfile(tmp_path, text)
    for _ in range(2):
        done = vgetrandom("deploy", "image", path)
        assert (done.returncode, done.stderr) == (0, "")
    lines = path.read_text().splitlines()
    assert lines[: len(text.splitlines())] == text.splitlines()
    assert lines[-3:-1] == [
        f"COPY libvgetrandom.so {IN_IMAGE}",
        f"ENV LD_PRELOAD=${{LD_PRELOAD:+$LD_PRELOAD:}}{IN_IMAGE}",
    ]
    assert (path.parent / "libvgetrandom.so").read_bytes() == library.read_bytes()
    assert vgetrandom("deploy", "image", path, "--undo").returncode == 0
    assert path.read_text().rstrip("\n") == text.rstrip("\n")
    assert set(tree(path.parent)) == {"Dockerfile"}
    assert vgetrandom("deploy", "image", path, "--undo").returncode == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("FROM x\nRUN true \\\n", "goes on"),
        ("FROM x\nRUN <<EOF\nhello\n", "<<EOF"),
        ("hello\n", "no FROM"),
    ],
)
def test_dockerfile_without_an_end_is_refused(vgetrandom: Vgetrandom, tmp_path: Path, text: str, said: str) -> None:
    path = dockerfile(tmp_path, text)
    done = vgetrandom("deploy", "image", path)
    assert done.returncode == 2
    assert said in one_line(done)
    assert tree(path.parent) == {"Dockerfile": text.encode()}


@pytest.mark.parametrize("indent", [None, 2, 4])
def test_pod_gets_the_library_and_undo_leaves_nothing(
    vgetrandom: Vgetrandom, library: Path, tmp_path: Path, indent: int | None
) -> None:
    has = {"name": "LD_PRELOAD", "value": "/a.so /b.so"}
    document = deployment(container(env=[{"name": "A", "value": "é"}, has]), container(name="aside"), volumes=[])
    path = manifest(tmp_path, document, indent)
    before = path.read_text()
    for _ in range(2):
        done = vgetrandom("deploy", "pod", path)
        assert (done.returncode, done.stderr) == (0, "")
    spec = json.loads(path.read_text())["spec"]["template"]["spec"]
    first, second = spec["containers"]
    assert first["env"] == [{"name": "A", "value": "é"}, {"name": "LD_PRELOAD", "value": f"/a.so:/b.so:{IN_POD}"}]
    assert second["env"] == [{"name": "LD_PRELOAD", "value": IN_POD}]
    mount = {"name": "vgetrandom", "mountPath": "/opt/vgetrandom", "readOnly": True}
    assert first["volumeMounts"] == second["volumeMounts"] == [mount]
    (volume,) = spec["volumes"]
    config_map = json.loads((path.parent / "shop.vgetrandom.json").read_text())
    assert config_map["metadata"]["name"] == volume["configMap"]["name"]
    assert base64.b64decode(config_map["binaryData"]["libvgetrandom.so"]) == library.read_bytes()
    assert len((path.parent / "shop.vgetrandom.json").read_bytes()) < 1 << 20  # what a ConfigMap can be
    assert vgetrandom("deploy", "pod", path, "--undo").returncode == 0
    after = json.loads(path.read_text())
    has["value"] = "/a.so:/b.so"
    del document["spec"]["template"]["spec"]["volumes"]
    assert after == document
    assert path.read_text().count("\n") in (before.count("\n") - 1, before.count("\n"))
    assert set(tree(path.parent)) == {"shop.json"}
    assert vgetrandom("deploy", "pod", path, "--undo").returncode == 1


@pytest.mark.parametrize(
    "document",
    [
        {"kind": "Pod", "metadata": {"namespace": "eu"}, "spec": {"containers": [container()]}},
        {"kind": "CronJob", "spec": {"jobTemplate": {"spec": {"template": {"spec": {"containers": [container()]}}}}}},
        {"kind": "List", "items": [deployment(container()), {"kind": "Service", "spec": {"ports": [{"port": 1}]}}]},
    ],
)
def test_whatever_makes_pods_is_understood(vgetrandom: Vgetrandom, tmp_path: Path, document: dict[str, Any]) -> None:
    path = manifest(tmp_path, document)
    before = path.read_text()
    assert vgetrandom("deploy", "pod", path).returncode == 0
    assert path.read_text().count(IN_POD) == 1
    config_map = json.loads((path.parent / "shop.vgetrandom.json").read_text())
    assert config_map["metadata"].get("namespace") == document.get("metadata", {}).get("namespace")
    assert vgetrandom("deploy", "pod", path, "--undo").returncode == 0
    assert path.read_text() == before


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kind: Pod\n", "no JSON"),
        ("[]", "no manifest"),
        ('{"kind": "Service"}', "no pod"),
        (
            json.dumps(deployment(container(env=[{"name": "LD_PRELOAD", "valueFrom": {"fieldRef": {}}}]))),
            "from elsewhere",
        ),
    ],
)
def test_what_can_not_be_kept_or_read_is_refused(vgetrandom: Vgetrandom, tmp_path: Path, text: str, said: str) -> None:
    path = manifest(tmp_path, {})
    path.write_text(text)
    done = vgetrandom("deploy", "pod", path)
    assert done.returncode == 2
    assert said in one_line(done)
    assert tree(path.parent) == {"shop.json": text.encode()}


def test_broken_library_writes_nothing(vgetrandom: Vgetrandom, tmp_path: Path) -> None:
    broken = compile_broken("draws the same again", tmp_path)
    paths = {"image": dockerfile(tmp_path, "FROM x\n"), "pod": manifest(tmp_path, deployment(container()))}
    for target, path in paths.items():
        before = tree(path.parent)
        done = vgetrandom("deploy", target, path, "--library", broken)
        assert done.returncode == 1
        assert one_line(done).endswith("; nothing is written")
        assert tree(path.parent) == before


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("service",),
        ("host", "name"),
        ("--list", "service"),
        ("image", "F", "--root", "/x"),
        ("service", "x", "--json"),
    ],
)
def test_words_that_make_no_sense_are_one_line(vgetrandom: Vgetrandom, words: tuple[str, ...]) -> None:
    done = vgetrandom("deploy", *words)
    assert done.returncode == 2
    assert one_line(done)
