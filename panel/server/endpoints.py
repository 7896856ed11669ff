"""Where the server listens, as Twisted spells it (twisted.internet.endpoints). Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An address, with TLS where a certificate and its key (PEM files) are given."""

    host: str
    port: int
    certificate: str = ""
    key: str = ""

    def __str__(self) -> str:
        where = f"port={self.port}:interface={_escaped(self.host)}"
        if not self.certificate:
            return f"tcp:{where}"
        return f"ssl:{where}:privateKey={_escaped(self.key)}:certKey={_escaped(self.certificate)}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace(":", "\\:").replace("=", "\\=")
