"""What exec executes, as `process` of config.json: the bundle's with changes, or a file. Pure."""

from __future__ import annotations

from typing import Any

from runtime.cli.arguments import Words
from runtime.errors import InvalidSpec

_CAPABILITY_SETS = ("bounding", "effective", "permitted")
_USER = "--user"
_GROUPS = "--additional-gids"


def further(words: Words, bundle: dict[str, Any], given: dict[str, Any] | None) -> dict[str, Any]:
    """Return the document of a further process; the result is to be checked as any other.

    `bundle` is the `process` of the container, `given` the contents of `--process`, which stand for
    themselves. Raises InvalidSpec that names the flag.
    """
    command = words.words[1:]
    if given is not None:
        if command:
            raise InvalidSpec("--process", "is given, so there must be no command")
        return {**given, "terminal": True} if words.is_on("--tty") else given
    if not command:
        raise InvalidSpec("exec", "takes ID COMMAND..., or ID and --process")
    made = {name: value for name, value in bundle.items() if name != "consoleSize"}
    made |= {"args": command, "terminal": words.is_on("--tty")}
    made["env"] = [*(bundle.get("env") or []), *words.all("--env")]
    made["user"] = _user(words, bundle.get("user") or {})
    for flag, name in (
        ("--cwd", "cwd"),
        ("--apparmor", "apparmorProfile"),
        ("--process-label", "selinuxLabel"),
    ):
        if words.last(flag):
            made[name] = words.last(flag)
    if words.is_on("--no-new-privs"):
        made["noNewPrivileges"] = True
    added = words.all("--cap")
    if added:
        sets = bundle.get("capabilities") or {}
        made["capabilities"] = sets | {
            kind: [*(sets.get(kind) or []), *added] for kind in _CAPABILITY_SETS
        }
    return made


def _user(words: Words, user: dict[str, Any]) -> dict[str, Any]:
    made = dict(user)
    if words.last(_USER):
        uid, colon, gid = words.last(_USER).partition(":")
        made["uid"] = _identity(_USER, uid)
        if colon:
            made["gid"] = _identity(_USER, gid)
    groups = [_identity(_GROUPS, text) for text in words.all(_GROUPS)]
    if groups:
        made["additionalGids"] = [*(user.get("additionalGids") or []), *groups]
    return made


def _identity(flag: str, text: str) -> int:
    """Return an id: names are of the image, and engines look them up."""
    if not (text.isascii() and text.isdigit()):
        raise InvalidSpec(flag, f"{text!r} is not a number")
    return int(text)
