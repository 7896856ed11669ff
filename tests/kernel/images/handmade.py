"""Archives made by hand with Python's tarfile, the honest and the hostile kind."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256

import zstandard

PACK: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": lambda content: gzip.compress(content, mtime=0),
    "zstd": lambda content: zstandard.ZstdCompressor().compress(content),
}


@dataclass(frozen=True)
class Member:
    """One member of a layer, as tarfile's TarInfo has it."""

    name: str
    content: bytes = b""
    kind: bytes = tarfile.REGTYPE
    link: str = ""
    mode: int = 0o644
    device: tuple[int, int] = (0, 0)
    uid: int = 0


def tar(members: Iterable[Member]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for member in members:
            info = tarfile.TarInfo(member.name)
            info.type, info.linkname, info.mode = member.kind, member.link, member.mode
            info.uid = info.gid = member.uid
            info.devmajor, info.devminor = member.device
            info.size = len(member.content)
            archive.addfile(info, io.BytesIO(member.content))
    return out.getvalue()


def digest(content: bytes) -> str:
    return f"sha256:{sha256(content).hexdigest()}"


def config(*layers: bytes, **settings: object) -> bytes:
    return json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": settings,
            "rootfs": {"type": "layers", "diff_ids": [digest(layer) for layer in layers]},
        }
    ).encode()


def docker_save(layers: list[bytes], reference: str, settings: bytes | None = None) -> bytes:
    document = settings if settings is not None else config(*layers)
    names = [f"{number}/layer.tar" for number in range(len(layers))]
    manifest = [{"Config": "config.json", "RepoTags": [reference], "Layers": names}]
    files = [Member("manifest.json", json.dumps(manifest).encode())]
    files += [Member("config.json", document)]
    files += [Member(name, layer) for name, layer in zip(names, layers, strict=True)]
    return tar(files)


def layout(layers: list[bytes], reference: str, packing: str, *, lie: bool = False) -> bytes:
    """Return an OCI layout; `lie` stores other bytes than a layer's descriptor promises."""
    packed = [PACK[packing](layer) for layer in layers]
    suffix = {"plain": "", "gzip": "+gzip", "zstd": "+zstd"}[packing]
    document = config(*layers)
    kind = "application/vnd.oci.image."
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "config": _descriptor(f"{kind}config.v1+json", document),
            "layers": [_descriptor(f"{kind}layer.v1.tar{suffix}", layer) for layer in packed],
        }
    ).encode()
    described = _descriptor(f"{kind}manifest.v1+json", manifest)
    described["annotations"] = {"org.opencontainers.image.ref.name": reference}
    index = json.dumps({"schemaVersion": 2, "manifests": [described]}).encode()
    blobs = [document, manifest, *packed]
    files = [Member("oci-layout", b'{"imageLayoutVersion": "1.0.0"}'), Member("index.json", index)]
    for blob in blobs:
        stored = blob + b"\0" if lie and blob in packed else blob
        files.append(Member(f"blobs/sha256/{digest(blob)[7:]}", stored))
    return tar(files)


def _descriptor(kind: str, content: bytes) -> dict[str, object]:
    return {"mediaType": kind, "digest": digest(content), "size": len(content)}
