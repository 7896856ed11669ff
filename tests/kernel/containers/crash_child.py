"""The process that test_crashing kills: it opens the instance and carries one verb out."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from runtime.config import EngineConfig
from runtime.containers.site import open_site
from runtime.engine import Engine
from runtime.images.images import Images
from tests.kernel.containers.conftest import HandMade, shell


def main(data_root: str, run_root: str, layer: str, container: str, verb: str) -> None:
    """Carry out `verb`, or everything up to it for `no-<verb>`."""
    site = open_site(EngineConfig(data_root=data_root, run_root=run_root))
    engine = Engine(replace(site, images=cast(Images, HandMade(layer))))
    spec = shell("true")
    if verb == "create":
        engine.containers.create(spec, container=container)
    elif verb == "remove":
        engine.containers.recover()
    elif verb == "delete":
        engine.containers.delete(container)
