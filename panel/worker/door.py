"""What handlers need of the engine. `runtime.engine.Engine` and the tests' engine both fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from runtime.events import ContainerRecord, ImageSummary, OnceRecord, Sink
from runtime.spec.amendment import Amendment
from runtime.spec.container import ContainerSpec
from runtime.spec.execution import ExecSpec
from runtime.spec.session import SessionSpec


class Containers(Protocol):
    """The verbs of containers, as `runtime.engine` documents them."""

    def create(
        self, spec: ContainerSpec, *, container: str | None = None, sink: Sink = ...
    ) -> ContainerRecord:
        """Make a container."""

    def start(self, container: str, *, sink: Sink = ...) -> ContainerRecord:
        """Run its command."""

    def stop(
        self,
        container: str,
        *,
        timeout_seconds: float | None = None,
        operation: str | None = None,
        sink: Sink = ...,
    ) -> ContainerRecord:
        """Hand the stop over to its shim."""

    def restart(
        self,
        container: str,
        *,
        timeout_seconds: float | None = None,
        operation: str,
        sink: Sink = ...,
    ) -> ContainerRecord:
        """Hand the restart over to its shim, or start what does not run; once."""

    def kill(
        self,
        container: str,
        *,
        signal: str = "SIGKILL",
        operation: str | None = None,
        sink: Sink = ...,
    ) -> ContainerRecord:
        """Send a signal once."""

    def pause(self, container: str, *, sink: Sink = ...) -> ContainerRecord:
        """Freeze it."""

    def resume(self, container: str, *, sink: Sink = ...) -> ContainerRecord:
        """Let it go on."""

    def rename(self, container: str, *, name: str, sink: Sink = ...) -> ContainerRecord:
        """Give it another name."""

    def update(
        self, container: str, amendment: Amendment, *, operation: str, sink: Sink = ...
    ) -> ContainerRecord:
        """Change limits and restart policy once."""

    def delete(self, container: str, *, force: bool = False, sink: Sink = ...) -> None:
        """Remove it."""

    def execute(
        self, container: str, exec_spec: ExecSpec, *, operation: str, sink: Sink = ...
    ) -> None:
        """Start a further process once."""

    def open_session(
        self, container: str, session_spec: SessionSpec, *, operation: str, sink: Sink = ...
    ) -> None:
        """Start a process to converse with once."""

    def once(self, container: str, operation: str) -> OnceRecord | None:
        """Return what is recorded of a once operation."""

    def inspect(self, container: str) -> ContainerRecord:
        """Return its record."""

    def list(self) -> list[ContainerRecord]:
        """Return all records."""


class Images(Protocol):
    """The verbs of images, as `runtime.images` documents them."""

    def load(self, archive: str | int, *, namespace: str, sink: Sink = ...) -> list[ImageSummary]:
        """Take an archive's images in."""

    def list(self, namespace: str | None = None) -> list[ImageSummary]:
        """Return the images of a namespace."""

    def delete(
        self,
        namespace: str,
        reference: str,
        *,
        in_use: Callable[[], Mapping[str, str]] | Mapping[str, str],
    ) -> ImageSummary:
        """Remove a name, and with the last one the image."""


class Engine(Protocol):
    """The engine's door."""

    @property
    def containers(self) -> Containers:
        """Return the door to the containers."""

    @property
    def images(self) -> Images:
        """Return the door to the images."""
