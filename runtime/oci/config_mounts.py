"""`mounts` of config.json: options sorted into what each of them is (config.md#mounts)."""

from __future__ import annotations

from dataclasses import dataclass

from runtime import abi
from runtime.errors import InvalidSpec
from runtime.oci.config_ids import IdMapping, parse_mappings
from runtime.oci.reading import Fields

ATTRIBUTES: dict[str, tuple[int, int]] = {
    "ro": (abi.MOUNT_ATTR_RDONLY, 0),
    "rw": (0, abi.MOUNT_ATTR_RDONLY),
    "nosuid": (abi.MOUNT_ATTR_NOSUID, 0),
    "suid": (0, abi.MOUNT_ATTR_NOSUID),
    "nodev": (abi.MOUNT_ATTR_NODEV, 0),
    "dev": (0, abi.MOUNT_ATTR_NODEV),
    "noexec": (abi.MOUNT_ATTR_NOEXEC, 0),
    "exec": (0, abi.MOUNT_ATTR_NOEXEC),
    "nodiratime": (abi.MOUNT_ATTR_NODIRATIME, 0),
    "diratime": (0, abi.MOUNT_ATTR_NODIRATIME),
    "nosymfollow": (abi.MOUNT_ATTR_NOSYMFOLLOW, 0),
    "symfollow": (0, abi.MOUNT_ATTR_NOSYMFOLLOW),
    "relatime": (0, abi.MOUNT_ATTR_ATIME_MASK),
    "norelatime": (0, abi.MOUNT_ATTR_ATIME_MASK),
    "noatime": (abi.MOUNT_ATTR_NOATIME, abi.MOUNT_ATTR_ATIME_MASK),
    "atime": (0, abi.MOUNT_ATTR_ATIME_MASK),
    "strictatime": (abi.MOUNT_ATTR_STRICTATIME, abi.MOUNT_ATTR_ATIME_MASK),
    "nostrictatime": (0, abi.MOUNT_ATTR_ATIME_MASK),
}
"""Option -> attributes set and cleared (mount_setattr(2)); with a leading r, recursively."""

PROPAGATIONS: dict[str, tuple[int, bool]] = {
    prefix + name: (flag, bool(prefix))
    for name, flag in (
        ("private", abi.MS_PRIVATE),
        ("shared", abi.MS_SHARED),
        ("slave", abi.MS_SLAVE),
        ("unbindable", abi.MS_UNBINDABLE),
    )
    for prefix in ("", "r")
}
"""Option -> (propagation, recursive?), see mount_namespaces(7)."""

REFUSED_OPTIONS = {
    "remount": "a mount cannot be changed after it is made; give its options at once",
}
_NO_EFFECT = frozenset(("defaults", "async", "nomand", "noiversion", "loud", "silent"))
"""What mount(8) takes for its own or for the default."""
_OWN = frozenset(("idmap", "ridmap", "tmpcopyup"))
"""What is the runtime's to do."""
_RECURSIVE = {f"r{name}": pair for name, pair in ATTRIBUTES.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributes:
    """Attributes to set and to clear (`MOUNT_ATTR_*` of abi)."""

    set: int = 0
    clear: int = 0

    def __or__(self, other: tuple[int, int]) -> Attributes:
        on, off = other
        return Attributes(set=self.set & ~off | on, clear=self.clear & ~on | off)


@dataclass(frozen=True, slots=True, kw_only=True)
class MountIds:
    """An id-mapped mount (mount_setattr(2)), with all below it if `recursive`.

    Ids of the source are `container` in a mapping; without mappings those of the container's user
    namespace are taken.
    """

    uids: tuple[IdMapping, ...] = ()
    gids: tuple[IdMapping, ...] = ()
    recursive: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """One mount: a bind of `source` if `bind` (with all below, if `recursive`), else a filesystem.

    `own` concerns this mount only, `below` the whole tree; `data` goes to the filesystem.
    `ids` is how those of the source are shown. With `copy_up`, a new filesystem has what it covers.
    """

    destination: str
    kind: str
    source: str
    bind: bool = False
    recursive: bool = False
    own: Attributes = Attributes()
    below: Attributes = Attributes()
    propagation: tuple[tuple[int, bool], ...] = ()
    ids: MountIds | None = None
    copy_up: bool = False
    data: tuple[tuple[str, str], ...] = ()


def parse_mount(fields: Fields) -> Mount:
    """Return one of `mounts`. Raises InvalidSpec that names the field."""
    destination = fields.required_text("destination")
    if not destination.startswith("/"):
        # Older configurations have relative ones, and config.md takes them from the root.
        destination = f"/{destination}"
    options = fields.texts("options")
    for place, option in enumerate(options):
        if option in REFUSED_OPTIONS:
            raise InvalidSpec(f"{fields.at('options')}[{place}]", REFUSED_OPTIONS[option])
    kind = fields.text("type")
    recursive = "rbind" in options
    bind = recursive or "bind" in options or kind == "bind"
    if not bind and not kind:
        raise InvalidSpec(fields.at("type"), "is required for what is not a bind mount")
    if "tmpcopyup" in options and (bind or kind != "tmpfs"):
        raise InvalidSpec(fields.at("options"), "'tmpcopyup' is for a tmpfs only")
    own, below = _fold(options, ATTRIBUTES), _fold(options, _RECURSIVE)
    return Mount(
        destination=destination,
        kind="" if bind else kind,
        source=fields.required_text("source") if bind else fields.text("source", kind),
        bind=bind,
        recursive=recursive,
        own=own,
        below=below,
        propagation=tuple(PROPAGATIONS[option] for option in options if option in PROPAGATIONS),
        ids=_parse_ids(fields, options, bind=bind),
        copy_up="tmpcopyup" in options,
        data=_data(options) if not bind else _no_data(fields, options),
    )


def _parse_ids(fields: Fields, options: tuple[str, ...], *, bind: bool) -> MountIds | None:
    uids, gids = (parse_mappings(fields, name) for name in ("uidMappings", "gidMappings"))
    asked = [name for name in ("idmap", "ridmap") if name in options]
    if not uids and not gids and not asked:
        return None
    where = fields.at("options" if asked else "uidMappings")
    if not bind:
        raise InvalidSpec(where, "ids are mapped in a bind mount only")
    if bool(uids) != bool(gids):
        raise InvalidSpec(fields.at("uidMappings"), "and gidMappings go together")
    return MountIds(uids=uids, gids=gids, recursive="ridmap" in options)


def _fold(options: tuple[str, ...], table: dict[str, tuple[int, int]]) -> Attributes:
    folded = Attributes()
    for option in options:
        if option in table:
            folded = folded | table[option]
    return folded


def _data(options: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Return the options that are the filesystem's own, as (key, value); "" is a flag."""
    known = (ATTRIBUTES, _RECURSIVE, PROPAGATIONS, _NO_EFFECT, _OWN)
    rest = [option for option in options if not any(option in table for table in known)]
    pairs = (option.partition("=") for option in rest if option)
    return tuple((key, value) for key, _equals, value in pairs)


def _no_data(fields: Fields, options: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    left = [key for key, _value in _data(options) if key not in ("bind", "rbind")]
    if left:
        raise InvalidSpec(fields.at("options"), f"{left[0]!r} means nothing for a bind mount")
    return ()


def mount_options() -> tuple[str, ...]:
    """Return every option that is the runtime's and not a filesystem's own."""
    names = {"bind", "rbind", *ATTRIBUTES, *_RECURSIVE, *PROPAGATIONS, *_NO_EFFECT, *_OWN}
    return tuple(sorted(names))
