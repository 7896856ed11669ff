"""Make a container: its directory appears whole, or not at all."""

from __future__ import annotations

import os
import time

from runtime.containers.plan import Place, plan_container
from runtime.containers.site import Site
from runtime.errors import Exhausted, KernelRefused, NotFound
from runtime.events import ContainerRecord, Sink
from runtime.images.image import ResolvedImage
from runtime.shim.conduct import Conduct
from runtime.spec.container import ContainerSpec
from runtime.state import boot, durable, locks, schema, spool
from runtime.state.records import Cause, State, event_of, raised

DRAFT = ".new-"
"""How names of unfinished directories begin."""
_NO_SPACE = (28, 122)


@durable.told()
def create(
    site: Site, spec: ContainerSpec, *, container: str | None, sink: Sink
) -> ContainerRecord:
    """Make a container and return its record; see `runtime.engine.Containers.create`."""
    identity = container or os.urandom(16).hex()
    site.directory(identity)  # refuses what is no id
    try:
        return site.ledger(identity).load().record
    except NotFound:
        pass
    with (
        locks.hold(creating(site), shared=True),
        site.images.held(spec.namespace, spec.image) as image,
    ):
        conduct = plan_container(spec, image, _place(site, identity))
        return _build(site, _first_state(identity, spec, image, conduct), conduct, sink)


def creating(site: Site) -> str:
    """Return the lock that everybody shares who has an unfinished directory."""
    return f"{site.config.data}/creating.lock"


def _place(site: Site, identity: str) -> Place:
    host = os.uname()
    return Place(
        id=identity,
        state_dir=site.directory(identity),
        cgroup=f"{site.slice}/{identity}",
        id_base=site.config.id_base,
        machine=host.machine,
        release=host.release,
        node=host.nodename,
    )


def _first_state(
    identity: str, spec: ContainerSpec, image: ResolvedImage, conduct: Conduct
) -> State:
    record = ContainerRecord(
        id=identity,
        version=0,
        namespace=spec.namespace,
        spec=spec.to_json(),
        image_id=image.id,
        command=conduct.bundle.args,
        state="created",
        created_ns=time.time_ns(),
    )
    return raised(State(record=record, boot=boot.boot_id()))


def _build(site: Site, state: State, conduct: Conduct, sink: Sink) -> ContainerRecord:
    """Write everything under a draft name, then give it its name (rename(2))."""
    draft = f"{site.config.containers}/{DRAFT}{state.record.id}-{os.urandom(4).hex()}"
    event = event_of(Cause(action="created"), state.record)
    try:
        _write(draft, state, conduct)
        prepared = spool.prepare(site.config.spool, event)
        try:
            _rename_durably(draft, site.directory(state.record.id))
        except OSError:
            spool.withdraw(site.config.spool, prepared)
            raise
    except OSError as error:
        _discard(draft)
        if error.errno in (17, 39):  # EEXIST, ENOTEMPTY: another create of this id was faster
            return site.ledger(state.record.id).load().record
        raise _refusal(error) from None
    spool.publish(site.config.spool, prepared)
    sink.event(event)
    return state.record


def _write(draft: str, state: State, conduct: Conduct) -> None:
    os.mkdir(draft, 0o700)
    for name, mode in (("logs", 0o700), ("once", 0o700), ("upper", 0o755), ("work", 0o755)):
        os.mkdir(f"{draft}/{name}", mode)
        os.chmod(f"{draft}/{name}", mode)
    files = {
        "config.json": conduct.to_json(),
        "spec.json": dict(state.record.spec),
        "state.json": state.to_json(),
    }
    for name, body in files.items():
        durable.write_new(f"{draft}/{name}", schema.encode(body), sync=False)
    for name in files:
        _sync(f"{draft}/{name}")
    durable.sync_directory(draft)


def _rename_durably(draft: str, place: str) -> None:
    """Give a draft its name for good. Raises OSError; nothing has the name then (rename(2))."""
    os.rename(draft, place)
    try:
        durable.sync_directory(os.path.dirname(place))
    except OSError:
        os.rename(place, draft)
        raise


def _sync(path: str) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _discard(draft: str) -> None:
    """Remove a draft of ours; nothing but empty directories and files of ours is in it."""
    try:
        for entry in os.scandir(draft):
            if entry.is_dir(follow_symlinks=False):
                os.rmdir(entry.path)
            else:
                os.unlink(entry.path)
        os.rmdir(draft)
    except OSError:
        return  # recover() removes it


def _refusal(error: OSError) -> Exhausted | KernelRefused:
    if error.errno in _NO_SPACE:
        return Exhausted(f"no room for another container: {error.strerror}")
    return KernelRefused("create", error.errno or 0, str(error.filename or ""))
