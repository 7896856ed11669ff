"""The container's root: an overlay over id-mapped layers, made unseen and pivoted to at once."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from runtime.abi import MOUNT_ATTR_NODEV, O_PATH
from runtime.errors import InvalidSpec, KernelRefused
from runtime.isolation.idmap import as_owner, clone_mapped
from runtime.kernel import fsopen, mounts

_OPTIONS = (("redirect_dir", "nofollow"), ("metacopy", "off"), ("index", "off"))
"""What an attribute of a layer's file could abuse is off, whatever the kernel's defaults are."""
_STATE = "state"
_NAMES = [os.fsdecode(bytes((byte,))) for byte in range(0x21, 0x100) if byte not in b",./:\\\x7f"]
"""One byte each: `lowerdir` with all layers has to fit into 255 bytes (fsconfig(2))."""
MAX_LAYERS_BY_PATH = 128
_NO_DETACHED_LAYERS = (errno.EINVAL, errno.EOPNOTSUPP)


def mount_overlay(
    layers: tuple[str, ...], state_dir: str, *, user_namespace: int | None, id_base: int
) -> int:
    """Return a detached overlay of `layers` (topmost first) and `state_dir`'s upper and work.

    All of them are id-mapped by `user_namespace`, unless it is None. Needs a private mount
    namespace: kernels before 6.15 take layers by path only, so there `state_dir` is covered by a
    scratch filesystem, and more than 128 layers are InvalidSpec("image", ...); newer kernels take
    500. Raises KernelRefused. See Documentation/filesystems/overlayfs.rst.
    """
    try:
        with _clones(layers, state_dir, user_namespace) as clones:
            return _by_descriptor(clones, id_base)
    except KernelRefused as refused:
        if refused.call != "fsconfig" or refused.errno not in _NO_DETACHED_LAYERS:
            raise
    if len(layers) > MAX_LAYERS_BY_PATH:
        raise InvalidSpec(
            "image",
            f"has {len(layers)} layers: this kernel takes {MAX_LAYERS_BY_PATH}, "
            "Linux 6.15 and later take 500",
        )
    with _clones(layers, state_dir, user_namespace) as clones:
        return _by_path(clones, state_dir, id_base)


def pivot(root: int, place: str) -> None:
    """Make the detached mount `root` the root of the namespace; nothing of the old one stays.

    `place` is a directory of the engine, used for an instant. See pivot_root(2).
    """
    target = os.open(place, O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        mounts.move_mount(root, target, path=place)
    finally:
        os.close(target)
    os.fchdir(root)
    mounts.pivot_root(".", ".")
    mounts.detach(".")
    os.chdir("/")


@contextmanager
def _clones(layers: tuple[str, ...], state_dir: str, namespace: int | None) -> Iterator[list[int]]:
    """Yield mapped clones of the layers and, last, of the directory that holds upper and work."""
    with ExitStack() as closing:
        clones = []
        for path in (*layers, state_dir):
            clones.append(clone_mapped(path, namespace))
            closing.callback(os.close, clones[-1])
        yield clones


def _by_descriptor(clones: list[int], id_base: int) -> int:
    with ExitStack() as closing:
        context = fsopen.fsopen("overlay")
        closing.callback(os.close, context)
        for layer in clones[:-1]:
            fsopen.set_descriptor(context, "lowerdir+", layer)
        for key, name in (("upperdir", "upper"), ("workdir", "work")):
            opened = os.open(name, O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=clones[-1])
            closing.callback(os.close, opened)
            fsopen.set_descriptor(context, key, opened)
        return _finish(context, id_base)


def _by_path(clones: list[int], state_dir: str, id_base: int) -> int:
    with ExitStack() as closing:
        scratch = _make_tmpfs()
        closing.callback(os.close, scratch)
        place = os.open(state_dir, O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        closing.callback(os.close, place)
        mounts.move_mount(scratch, place, path=state_dir)
        names = [*_NAMES[: len(clones) - 1], _STATE]
        for name, clone in zip(names, clones, strict=True):
            os.mkdir(name, dir_fd=scratch)
            target = os.open(name, O_PATH | os.O_CLOEXEC, dir_fd=scratch)
            closing.callback(os.close, target)
            mounts.move_mount(clone, target)
        os.fchdir(scratch)
        context = fsopen.fsopen("overlay")
        closing.callback(os.close, context)
        fsopen.set_string(context, "lowerdir", ":".join(names[:-1]))
        fsopen.set_string(context, "upperdir", f"{_STATE}/upper")
        fsopen.set_string(context, "workdir", f"{_STATE}/work")
        return _finish(context, id_base)


def _finish(context: int, id_base: int) -> int:
    for key, value in _OPTIONS:
        fsopen.set_string(context, key, value)
    # overlayfs keeps the credentials of its mounter: unless they are mapped it cannot make its
    # work directory and silently becomes read-only.
    with as_owner(id_base):
        fsopen.create(context, name="overlay")
    return fsopen.fsmount(context, MOUNT_ATTR_NODEV)


def _make_tmpfs() -> int:
    context = fsopen.fsopen("tmpfs")
    try:
        fsopen.create(context, name="tmpfs")
        return fsopen.fsmount(context, 0)
    finally:
        os.close(context)
