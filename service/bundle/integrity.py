"""Checksums, the content address, and the signature of a bundle."""

import hashlib
import re
from collections.abc import Mapping

import msgspec

from xbopt.core.errors import BundleError, UsageError
from xbopt.service.bundle.formats import (
    FORMAT_VERSION,
    MANIFEST,
    OPTIONAL,
    REQUIRED,
    SIGNATURE,
    FileEntry,
    Manifest,
    decode,
    encode,
)
from xbopt.service.bundle.keys import TrustedKeys, check_signer, signer_of

_VERSION = re.compile(r"\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?")
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def entry_of(data: bytes) -> FileEntry:
    """Size and hash of a file."""
    return FileEntry(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())


def address_of(manifest: Manifest) -> str:
    """The content address: it covers the manifest, and through it every file."""
    bare = msgspec.structs.replace(manifest, content_address="")
    return f"sha256:{hashlib.sha256(encode(bare)).hexdigest()}"


def sealed(manifest: Manifest) -> Manifest:
    """The manifest with its content address.

    Raises:
        UsageError: Name or version are not spelt as they have to be.
    """
    if not _NAME.fullmatch(manifest.name):
        raise UsageError(f"The bundle's name {manifest.name!r} is no name: small letters, digits, '.', '_' and '-'.")
    if not _VERSION.fullmatch(manifest.version):
        raise UsageError(f"The version {manifest.version!r} is no semantic version such as 1.0.0.")
    return msgspec.structs.replace(manifest, content_address=address_of(manifest))


def manifest_of(files: Mapping[str, bytes]) -> Manifest:
    """The manifest of some files, unchecked against them.

    Raises:
        BundleError: There is none, or it is broken.
    """
    if MANIFEST not in files:
        raise BundleError(f"There is no {MANIFEST}: this is no bundle, or it was not written to its end.")
    return decode(files[MANIFEST], Manifest, MANIFEST)


def check_integrity(files: Mapping[str, bytes], *, trusted_key: TrustedKeys = None) -> tuple[Manifest, str | None]:
    """Check every byte of a bundle; nothing but the manifest and the signature is parsed.

    Args:
        files: The files by name.
        trusted_key: Public keys in hex, one of which must have signed the bundle; any key, or none, where left out.

    Returns:
        The manifest, and the public key that signed it; None where it is not signed.

    Raises:
        BundleError: A file is missing, was changed, or is not signed as it has to be.
    """
    manifest = manifest_of(files)
    if manifest.format_version != FORMAT_VERSION:
        raise BundleError(
            f"The bundle has format {manifest.format_version}; this version of xbopt reads {FORMAT_VERSION}."
        )
    if manifest.content_address != address_of(manifest):
        raise BundleError(f"{MANIFEST} does not have its own content address, so it was changed.")
    listed, there = set(manifest.files), set(files) - {MANIFEST, SIGNATURE}
    if listed != there:
        raise BundleError(f"The manifest lists other files than there are: {', '.join(sorted(listed ^ there))}.")
    lacking = set(REQUIRED) - listed
    if lacking or listed - set(REQUIRED) - set(OPTIONAL):
        raise BundleError(f"The bundle lacks {', '.join(sorted(lacking))}.")
    for name, entry in sorted(manifest.files.items()):
        if entry != entry_of(files[name]):
            raise BundleError(f"{name} is not the file that the manifest names (its SHA-256 differs).")
    signer = signer_of(files[SIGNATURE], files[MANIFEST]) if SIGNATURE in files else None
    check_signer(signer, trusted_key)
    return manifest, signer
