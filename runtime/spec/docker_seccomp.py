"""A filter of system calls as Docker's files have it, in the words of the spec. Pure.

See https://docs.docker.com/engine/security/seccomp/: rules may have a single `name`, architectures
come with those that the same machine runs, and comments are for readers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runtime.errors import InvalidSpec
from runtime.spec import fields

PATH = "security.seccomp_profile"
_PROFILE = {
    "defaultAction": "default_action",
    "defaultErrnoRet": "default_errno",
    "architectures": "architectures",
    "archMap": "",
    "syscalls": "syscalls",
    "flags": "flags",
    "listenerPath": "listener_path",
    "listenerMetadata": "listener_metadata",
}
_RULE = {
    "names": "names",
    "name": "",
    "action": "action",
    "errnoRet": "errno",
    "args": "args",
    "includes": "includes",
    "excludes": "excludes",
    "comment": "",
}
_ARGUMENT = {"index": "index", "value": "value", "valueTwo": "value_two", "op": "op"}
_CONDITION = {"caps": "capabilities", "arches": "architectures", "minKernel": "min_kernel"}
_FAMILY = {"architecture": "", "subArchitectures": ""}


def is_docker(plain: Mapping[str, Any]) -> bool:
    """Say whether a profile is in the words of Docker's files."""
    return "defaultAction" in plain or "archMap" in plain


def translated(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Return a profile in the words of the spec. Raises InvalidSpec naming the place."""
    profile = _renamed(PATH, plain, _PROFILE)
    if plain.get("archMap"):
        given = fields.items(f"{PATH}.architectures", plain.get("architectures") or ())
        profile["architectures"] = [*given, *_families(plain["archMap"])]
    if plain.get("syscalls"):
        rules = fields.items(f"{PATH}.syscalls", plain["syscalls"])
        profile["syscalls"] = [
            _rule(f"{PATH}.syscalls[{place}]", rule) for place, rule in enumerate(rules)
        ]
    return profile


def _families(given: Any) -> list[Any]:
    """Return all architectures of a map; those that a machine does not run mean nothing to it."""
    found: list[Any] = []
    for place, one in enumerate(fields.items(f"{PATH}.archMap", given)):
        where = f"{PATH}.archMap[{place}]"
        family = fields.mapping(where, one)
        _renamed(where, family, _FAMILY)
        if family.get("architecture") is not None:
            found.append(family["architecture"])
        found += fields.items(f"{where}.subArchitectures", family.get("subArchitectures") or ())
    return list(dict.fromkeys(fields.text(f"{PATH}.archMap", name) for name in found))


def _rule(where: str, given: Any) -> dict[str, Any]:
    plain = fields.mapping(where, given)
    rule = _renamed(where, plain, _RULE)
    if plain.get("name") is not None:
        if plain.get("names"):
            raise InvalidSpec(f"{where}.name", "is given with names: choose one")
        rule["names"] = [plain["name"]]
    for name in ("includes", "excludes"):
        if rule.get(name) is not None:
            inner = f"{where}.{name}"
            rule[name] = _renamed(inner, fields.mapping(inner, rule[name]), _CONDITION)
    if rule.get("args") is not None:
        rule["args"] = [
            _argument(f"{where}.args[{place}]", one)
            for place, one in enumerate(fields.items(f"{where}.args", rule["args"]))
        ]
    return rule


def _argument(where: str, given: Any) -> dict[str, Any]:
    return _renamed(where, fields.mapping(where, given), _ARGUMENT)


def _renamed(where: str, plain: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Return the fields by their names of ours; those that have none are left out."""
    found: dict[str, Any] = {}
    for name, value in plain.items():
        if name not in names:
            raise InvalidSpec(f"{where}.{name}", "there is no such field")
        if names[name]:
            found[names[name]] = value
    return found
