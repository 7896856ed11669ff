"""The words of the command line: what runc and crun understand, as engines write it. Pure.

Flags are `--name value`, `--name=value` or `-n value`; whether they switch something on or carry a
value is in the tables. For exec they end at the container's id, since what follows is a command.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from runtime.errors import InvalidSpec

GLOBAL: dict[str, bool] = {
    "--root": True,
    "--log": True,
    "--log-format": True,
    "--debug": False,
    "--cgroup-manager": True,
    "--systemd-cgroup": False,
    "--rootless": True,
    "--criu": True,
    "--help": False,
    "--version": False,
}
"""Flags before the command, and whether they carry a value."""
_ANY = 1 << 20
_LAUNCH: dict[str, bool] = {
    "--bundle": True,
    "--config": True,
    "--console-socket": True,
    "--pid-file": True,
    "--no-pivot": False,
    "--no-new-keyring": False,
    "--preserve-fds": True,
}

_EXEC: dict[str, bool] = {
    "--additional-gids": True,
    "--apparmor": True,
    "--cap": True,
    "--cgroup": True,
    "--console-socket": True,
    "--cwd": True,
    "--detach": False,
    "--env": True,
    "--ignore-paused": False,
    "--no-new-privs": False,
    "--pid-file": True,
    "--preserve-fds": True,
    "--process": True,
    "--process-label": True,
    "--tty": False,
    "--user": True,
}

UPDATES: dict[str, tuple[str, str, str]] = {
    "--blkio-weight": ("blockIO", "weight", "number"),
    "--cpu-burst": ("cpu", "burst", "number"),
    "--cpu-idle": ("cpu", "idle", "number"),
    "--cpu-period": ("cpu", "period", "number"),
    "--cpu-quota": ("cpu", "quota", "number"),
    "--cpu-rt-period": ("cpu", "realtimePeriod", "number"),
    "--cpu-rt-runtime": ("cpu", "realtimeRuntime", "number"),
    "--cpu-share": ("cpu", "shares", "number"),
    "--cpuset-cpus": ("cpu", "cpus", "text"),
    "--cpuset-mems": ("cpu", "mems", "text"),
    "--kernel-memory": ("memory", "kernel", "size"),
    "--kernel-memory-tcp": ("memory", "kernelTCP", "size"),
    "--memory": ("memory", "limit", "size"),
    "--memory-reservation": ("memory", "reservation", "size"),
    "--memory-swap": ("memory", "swap", "size"),
    "--pids-limit": ("pids", "limit", "number"),
}
"""Flag of update -> topic and name of what it sets in linux.resources, and how it is written."""


@dataclass(frozen=True, slots=True)
class Command:
    """One verb: its flags, how many words it takes besides, and what they are."""

    flags: dict[str, bool]
    words: str
    least: int
    most: int
    in_order: bool = False


COMMANDS: dict[str, Command] = {
    "create": Command(_LAUNCH, "ID", 1, 1),
    "delete": Command({"--force": False, "--regex": False}, "ID", 1, 1),
    "events": Command({"--interval": True, "--stats": False}, "ID", 1, 1),
    "exec": Command(_EXEC, "ID [COMMAND...]", 1, _ANY, in_order=True),
    "features": Command({}, "", 0, 0),
    "kill": Command({"--all": False, "--regex": False}, "ID [SIGNAL]", 1, 2),
    "list": Command({"--format": True, "--quiet": False}, "", 0, 0),
    "pause": Command({}, "ID", 1, 1),
    "ps": Command({"--format": True}, "ID [OPTION OF ps(1)...]", 1, _ANY, in_order=True),
    "resume": Command({}, "ID", 1, 1),
    "run": Command({**_LAUNCH, "--detach": False, "--keep": False}, "ID", 1, 1),
    "spec": Command({"--bundle": True, "--rootless": False}, "", 0, 0),
    "start": Command({}, "ID", 1, 1),
    "state": Command({}, "ID", 1, 1),
    "update": Command({"--resources": True, **dict.fromkeys(UPDATES, True)}, "ID", 1, 1),
}
_SHORT = {
    "-a": "--all",
    "-b": "--bundle",
    "-d": "--detach",
    "-f": "--force",
    "-h": "--help",
    "-q": "--quiet",
    "-r": "--regex",
    "-v": "--version",
}
_SHORT_OF = {
    "list": {"-f": "--format"},
    "ps": {"-f": "--format"},
    "update": {"-r": "--resources"},
    "exec": {
        "-c": "--cap",
        "-e": "--env",
        "-g": "--additional-gids",
        "-p": "--process",
        "-t": "--tty",
        "-u": "--user",
    },
    "run": {"-f": "--config"},
    "create": {"-f": "--config"},
}


@dataclass(slots=True)
class Words:
    """A command line taken apart: flags before and behind the command, and its other words.

    A flag maps to all values that it was given; one without a value to "true" or "false".
    """

    command: str
    before: dict[str, list[str]] = field(default_factory=dict)
    flags: dict[str, list[str]] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)

    def last(self, name: str, default: str = "") -> str:
        """Return the last value of a flag, behind the command or before it."""
        for table in (self.flags, self.before):
            if name in table:
                return table[name][-1]
        return default

    def all(self, name: str) -> list[str]:
        """Return all values of a flag behind the command, in order."""
        return self.flags.get(name, [])

    def is_on(self, name: str) -> bool:
        """Say whether a flag without a value was given, and not as `--flag=false`."""
        return self.last(name, "false") == "true"

    def number(self, name: str, default: int = 0) -> int:
        """Return the value of a flag as a number from 0 on. Raises InvalidSpec."""
        text = self.last(name, str(default))
        if not (text.isascii() and text.isdigit()):
            raise InvalidSpec(name, f"{text!r} is not a number")
        return int(text)


def parse(arguments: list[str]) -> Words:
    """Take a command line apart. Raises InvalidSpec that names the flag or the command."""
    found = Words("")
    rest = _take(list(arguments), GLOBAL, found.before, _SHORT, in_order=True)
    if not rest:
        return found
    found.command = rest.pop(0)
    command = COMMANDS.get(found.command)
    if command is None:
        raise InvalidSpec(found.command, f"is no command; there are {', '.join(COMMANDS)}")
    short = {**_SHORT, **_SHORT_OF.get(found.command, {})}
    flags = {**command.flags, "--help": False}
    found.words = _take(rest, flags, found.flags, short, in_order=command.in_order)
    if not found.is_on("--help") and not command.least <= len(found.words) <= command.most:
        raise InvalidSpec(found.command, f"takes {command.words or 'no further words'}")
    return found


def _take(
    rest: list[str],
    known: dict[str, bool],
    into: dict[str, list[str]],
    short: dict[str, str],
    *,
    in_order: bool,
) -> list[str]:
    """Move flags from `rest` into a table and return the other words.

    With `in_order` the first other word ends it, and what follows is returned as it is.
    """
    words: list[str] = []
    while rest:
        word = rest.pop(0)
        if word == "--":
            return [*words, *rest]
        if word == "-" or not word.startswith("-"):
            words.append(word)
            if in_order:
                return [*words, *rest]
            continue
        name, equals, value = word.partition("=")
        name = short.get(name, name)
        if name not in known:
            raise InvalidSpec(word, "is not a flag of this command")
        if known[name] and not equals:
            if not rest:
                raise InvalidSpec(name, "needs a value")
            value = rest.pop(0)
        into.setdefault(name, []).append(value if equals or known[name] else "true")
    return words
