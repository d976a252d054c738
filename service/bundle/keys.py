"""Keys that sign bundles: ed25519 (RFC 8032), private keys in PEM (PKCS #8), public keys as 64 hexadecimal digits."""

import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from xbopt.core.errors import BundleError, UsageError
from xbopt.service.bundle.formats import SIGNATURE, Signature, decode, encode

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

TrustedKeys: TypeAlias = "Sequence[str] | str | None"
"""Public keys, one of which must have signed; None where any may have, or none."""
_KEY = re.compile(r"[0-9a-f]{64}", re.IGNORECASE)
_SMALL_HEX = re.compile(r"[0-9a-f]+")
_LARGEST = 1 << 16
HOW = "make one with: xbopt keys new -o key.pem"


def new_key(path: Path) -> str:
    """Make a private key that only its owner may read; gives the public key.

    Raises:
        UsageError: There is a file already, or none can be made.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = Ed25519PrivateKey.generate()
    try:
        # Never over another key: what that one signed could not be signed again.
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise UsageError(f"{path} is there already; a key is not written over. Name another file.") from error
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}.") from error
    with os.fdopen(handle, "wb") as file:
        file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return key.public_key().public_bytes_raw().hex()


def fingerprint(public_key: str) -> str:
    """SHA-256 of the key's SubjectPublicKeyInfo (RFC 8410), as ``openssl pkey -pubout -outform DER | sha256sum``."""
    return hashlib.sha256(bytes.fromhex("302a300506032b6570032100") + bytes.fromhex(public_key)).hexdigest()


def public_key_of(data: bytes, name: str) -> str:
    """The public key of a private or public key in PEM.

    Raises:
        UsageError: It is no ed25519 key.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    if b"PRIVATE KEY-----" in data:
        return _private_key(data, name).public_key().public_bytes_raw().hex()
    try:
        key = load_pem_public_key(data)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise UsageError(f"{name} is neither a key in PEM nor a bundle; {HOW}") from error
    if not isinstance(key, Ed25519PublicKey):
        raise UsageError(f"{name} is no ed25519 key; {HOW}")
    return key.public_bytes_raw().hex()


def read_trusted_keys(given: Sequence[str]) -> tuple[str, ...] | None:
    """Public keys as a user names them; None where he names none.

    Args:
        given: Each 64 hexadecimal digits, a file with one of them a line (what follows ``#`` is a comment), or a public
            key in PEM.

    Raises:
        UsageError: One is no key, or a file holds none.
    """
    if not given:
        return None
    keys: list[str] = []
    for one in given:
        if _KEY.fullmatch(one.strip()):
            keys.append(one.strip().lower())
            continue
        path = Path(one)
        if not path.is_file():
            raise UsageError(
                f"--trusted-key {one[:20]!r} is no public key (64 hexadecimal digits; this has {len(one)} characters) "
                "and no file. Print the key of a bundle or file with: xbopt keys show FILE"
            )
        keys.extend(_keys_of_file(path))
    return tuple(dict.fromkeys(keys))


def _keys_of_file(path: Path) -> list[str]:
    data = read_key_file(path)
    if b"PRIVATE KEY-----" in data:
        raise UsageError(
            f"{path} holds a private key, which has no place where bundles are served. Give its public key."
        )
    if b"-----BEGIN" in data:
        return [public_key_of(data, str(path))]
    keys: list[str] = []
    for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), start=1):
        words = line.partition("#")[0].strip()
        if words and not _KEY.fullmatch(words):
            raise UsageError(f"{path}:{number}: {words[:80]!r} is no public key of 64 hexadecimal digits.")
        keys.extend([words.lower()] if words else [])
    if not keys:
        raise UsageError(f"{path} holds no key, so no bundle could be trusted.")
    return keys


def read_key_file(path: Path) -> bytes:
    """The bytes of a small file.

    Raises:
        UsageError: It cannot be read, or is too large to hold keys.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    if len(data) > _LARGEST:
        raise UsageError(f"{path} has more than {_LARGEST >> 10} kB; it holds no keys.")
    return data


def _private_key(data: bytes, name: str) -> "Ed25519PrivateKey":
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise UsageError(
            f"{name} is no private key in PEM without a passphrase: {error}. {HOW.capitalize()}"
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError(f"{name} is no ed25519 key; {HOW}")
    return key


def sign(manifest: bytes, private_key_pem: bytes) -> bytes:
    """``signature.json`` of a manifest.

    Raises:
        UsageError: This is no ed25519 private key in PEM.
    """
    key = _private_key(private_key_pem, "The key")
    return encode(
        Signature(
            algorithm="ed25519",
            public_key=key.public_key().public_bytes_raw().hex(),
            signature=key.sign(manifest).hex(),
        )
    )


def signer_of(signature: bytes, manifest: bytes) -> str:
    """The public key that signed a manifest.

    Raises:
        BundleError: The signature does not fit, or is spelt otherwise than ``sign`` spells it.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    document = decode(signature, Signature, SIGNATURE)
    # Capital letters or blanks would spell the same bytes in another way.
    if not (_SMALL_HEX.fullmatch(document.public_key) and _SMALL_HEX.fullmatch(document.signature)):
        raise BundleError(f"{SIGNATURE} does not hold small hexadecimal digits.")
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(document.public_key))
        key.verify(bytes.fromhex(document.signature), manifest)
    except (InvalidSignature, ValueError) as error:
        raise BundleError("The signature does not fit the manifest.") from error
    return document.public_key


def check_signer(signer: str | None, trusted: TrustedKeys) -> None:
    """Check that one of the trusted keys signed.

    Raises:
        BundleError: None of them did.
    """
    if trusted is None:
        return
    keys = {key.lower() for key in ([trusted] if isinstance(trusted, str) else trusted)}
    if signer is None:
        raise BundleError("The bundle is not signed, and a trusted key is asked for.")
    if signer not in keys:
        raise BundleError(f"The bundle is signed by another key than the trusted one: by {signer}.")
