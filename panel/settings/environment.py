"""What the environment says, as one frozen value. No Django here."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """The settings an operator can give; empty text means "not given".

    `id_base` is the first host id handed to teams (user_namespaces(7)); the two `_days` say how
    long rows are kept. `database_kept_seconds` is how long a connection lives beyond its request:
    for processes whose threads stay. `database_waiting` is how many wait for the next request: for
    the web process, whose threads come and go.
    """

    data_root: str
    run_root: str
    node_name: str
    database_url: str
    redis_url: str
    secret_key: str
    allowed_hosts: tuple[str, ...]
    debug: bool
    behind_tls: bool
    id_base: int
    events_kept_days: int
    operations_kept_days: int
    database_kept_seconds: int
    database_waiting: int

    @classmethod
    def read(cls, variables: Mapping[str, str] = os.environ) -> Environment:
        """Return what `variables` say, with the defaults of a single node."""
        data_root = variables.get("DATA_ROOT", "/var/lib/moorage")
        run_root = variables.get("RUN_ROOT", "/run/moorage")
        secret_file = f"{data_root}/secrets/secret_key"
        hosts = variables.get("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
        return cls(
            data_root=data_root,
            run_root=run_root,
            node_name=variables.get("NODE_NAME") or kept_node_name(data_root),
            database_url=variables.get("DATABASE_URL", ""),
            redis_url=variables.get("REDIS_URL") or f"unix://{run_root}/valkey/valkey.sock?db=0",
            secret_key=variables.get("SECRET_KEY") or read_secret(secret_file),
            allowed_hosts=tuple(host.strip() for host in hosts.split(",") if host.strip()),
            debug=variables.get("MOORAGE_DEBUG", "") == "1",
            behind_tls=variables.get("MOORAGE_TLS", "") == "1",
            id_base=int(variables.get("MOORAGE_ID_BASE", "300000000")),
            events_kept_days=int(variables.get("MOORAGE_EVENTS_KEPT_DAYS", "30")),
            operations_kept_days=int(variables.get("MOORAGE_OPERATIONS_KEPT_DAYS", "90")),
            database_kept_seconds=int(variables.get("MOORAGE_DATABASE_KEPT_SECONDS", "0")),
            database_waiting=int(variables.get("MOORAGE_DATABASE_WAITING", "0")),
        )


def kept_node_name(data_root: str) -> str:
    """Return the name that the instance was given at its first start, the host's before that.

    Rows and queues carry it, so a host that gets another name must not change it.
    """
    return read_secret(node_name_file(data_root)) or socket.gethostname()


def node_name_file(data_root: str) -> str:
    """Return the file that keeps the node's name."""
    return f"{data_root}/node_name"


def read_secret(path: str) -> str:
    """Return the secret in `path`, or empty text where this process may not read it.

    Django itself refuses to use an empty SECRET_KEY, with a clear sentence, once it is needed.
    """
    try:
        with open(path, encoding="ascii") as secret:
            return secret.read().strip()
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return ""
