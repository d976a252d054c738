"""Bearer tokens: only their hashes are kept.

A token is 256 random bits, so that one plain SHA-256 of it is safe to keep: there is nothing to guess.
"""

import hashlib
import secrets
from pathlib import Path
from typing import Literal

import msgspec

from xbopt.core.errors import UsageError
from xbopt.core.files import replace_file

Right = Literal["allocate", "outcomes", "read", "admin"]
RIGHTS: tuple[Right, ...] = ("allocate", "outcomes", "read", "admin")
_PREFIX = b"bearer "
_HASH_DIGITS = 64


class TokenEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A token: whose it is, its SHA-256 in hex, and what it allows."""

    name: str
    sha256: str
    rights: list[Right]


class Tokens:
    """The tokens of a service.

    Args:
        entries: Who may do what.
    """

    def __init__(self, entries: list[TokenEntry]) -> None:
        self._rights = {bytes.fromhex(entry.sha256): frozenset(entry.rights) for entry in entries}

    def __len__(self) -> int:
        """Number of tokens."""
        return len(self._rights)

    def rights(self, header: bytes) -> frozenset[Right] | None:
        """What the ``Authorization`` header allows; None where it holds no token that is known.

        The look-up compares hashes: how long it takes says nothing about a token.
        """
        if header[: len(_PREFIX)].lower() != _PREFIX:
            return None
        return self._rights.get(hashlib.sha256(header[len(_PREFIX) :].strip()).digest())


def read_tokens(path: Path) -> Tokens:
    """Read a token file.

    Raises:
        UsageError: There is none, or it is broken.
    """
    entries = _entries(path)
    if not entries:
        raise UsageError(f"{path} holds no token, so nobody could use the service; add one with: xbopt tokens add")
    return Tokens(entries)


def _entries(path: Path) -> list[TokenEntry]:
    try:
        entries = msgspec.json.decode(path.read_bytes(), type=list[TokenEntry])
    except OSError as error:
        raise UsageError(f"The token file {path} cannot be read: {error.strerror}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{path} is no token file: {error}.") from error
    for entry in entries:
        if len(entry.sha256) != _HASH_DIGITS or not all(digit in "0123456789abcdef" for digit in entry.sha256):
            raise UsageError(f"{path}: the sha256 of {entry.name!r} is no SHA-256 in small hexadecimal digits.")
    return entries


def add_token(path: Path, name: str, rights: list[Right]) -> str:
    """Make a token, keep its hash, and give the token; it can be read only now.

    Raises:
        UsageError: The name is taken, or the file cannot be written.
    """
    entries = _entries(path) if path.exists() else []
    if any(entry.name == name for entry in entries):
        raise UsageError(f"{path} holds a token {name!r} already; remove it first to replace it.")
    token = secrets.token_urlsafe(32)
    entries.append(TokenEntry(name, hashlib.sha256(token.encode()).hexdigest(), rights))
    _write(path, entries)
    return token


def remove_token(path: Path, name: str) -> None:
    """Take a token away.

    Raises:
        UsageError: There is none of that name.
    """
    entries = _entries(path)
    kept = [entry for entry in entries if entry.name != name]
    if len(kept) == len(entries):
        raise UsageError(f"{path} holds no token {name!r}; it has {', '.join(e.name for e in entries) or 'none'}.")
    _write(path, kept)


def _write(path: Path, entries: list[TokenEntry]) -> None:
    with replace_file(path) as temporary:
        temporary.write_bytes(msgspec.json.format(msgspec.json.encode(entries), indent=2) + b"\n")
