"""A certificate that the node signs itself, for a panel that is served beyond this machine."""

from __future__ import annotations

import datetime
import ipaddress
import os

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from panel.host.roots import Roots, write_secret

LIFE_DAYS = 825
"""The longest that browsers accept of a server certificate."""
RENEWED_DAYS_BEFORE = 30


def self_signed(roots: Roots, names: tuple[str, ...]) -> tuple[str, str]:
    """Return the paths of a certificate for `names` and of its key; made when missing or old."""
    certificate, key = f"{roots.secrets}/tls_certificate.pem", f"{roots.secrets}/tls_key.pem"
    if not (os.path.exists(key) and _is_usable(certificate, names)):
        _make(certificate, key, names)
    return certificate, key


def fingerprint(path: str) -> str:
    """Return the SHA-256 fingerprint that a browser shows for the certificate in `path`."""
    return _load(path).fingerprint(hashes.SHA256()).hex(":").upper()


def _make(certificate: str, key: str, names: tuple[str, ...]) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"Moorage {names[0]}"[:64])])
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=LIFE_DAYS))
        .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
    )
    signed = builder.sign(private, hashes.SHA256())
    write_secret(
        key,
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )
    write_secret(certificate, signed.public_bytes(serialization.Encoding.PEM))


def _is_usable(path: str, names: tuple[str, ...]) -> bool:
    try:
        certificate = _load(path)
    except (FileNotFoundError, ValueError):
        return False
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=RENEWED_DAYS_BEFORE)
    alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return certificate.not_valid_after_utc > soon and set(alternatives.value) >= {
        _general(name) for name in names
    }


def _load(path: str) -> x509.Certificate:
    with open(path, "rb") as file:
        return x509.load_pem_x509_certificate(file.read())


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
