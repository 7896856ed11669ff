"""One function per kind: judge again, one engine call, and what it came to."""

from __future__ import annotations

from panel.operations import kinds
from panel.worker.handlers import containers, images, processes, updates
from panel.worker.job import Handler

HANDLERS: dict[str, Handler] = {
    kinds.CONTAINER_CREATE.code: containers.create,
    kinds.CONTAINER_START.code: containers.start,
    kinds.CONTAINER_STOP.code: containers.stop,
    kinds.CONTAINER_PAUSE.code: containers.pause,
    kinds.CONTAINER_RESUME.code: containers.resume,
    kinds.CONTAINER_RENAME.code: containers.rename,
    kinds.CONTAINER_UPDATE.code: updates.update,
    kinds.CONTAINER_DELETE.code: containers.delete,
    kinds.CONTAINER_KILL.code: processes.kill,
    kinds.CONTAINER_RESTART.code: processes.restart,
    kinds.CONTAINER_EXEC.code: processes.execute,
    kinds.CONTAINER_SESSION.code: processes.session,
    kinds.IMAGE_LOAD.code: images.load,
    kinds.IMAGE_DELETE.code: images.delete,
}
