"""Bearer tokens: only their hashes are kept.

A token is 256 random bits, so that one plain SHA-256 of it is safe to keep: there is nothing to guess.
"""

import hashlib
import os
import secrets
import stat
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import msgspec

from xbopt.core.errors import UsageError
from xbopt.core.files import replace_file

Right = Literal["allocate", "outcomes", "read", "plan", "approve", "admin"]
RIGHTS: tuple[Right, ...] = get_args(Right)
_PREFIX = b"bearer "
_HASH_DIGITS = 64
_LONGEST_NAME = 64
_OTHERS = 0o027
"""Everything for everybody, and writing for the group; a group that reads is a service's own user."""


class TokenEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A token: whose it is, its SHA-256 in hex, and what it allows."""

    name: str
    sha256: str
    rights: list[Right]


class Holder(NamedTuple):
    """Whose token it is, and what it allows."""

    name: str
    rights: frozenset[Right]


class Tokens:
    """The tokens of a service.

    Args:
        entries: Who may do what.
    """

    def __init__(self, entries: list[TokenEntry]) -> None:
        self._holders = {bytes.fromhex(entry.sha256): Holder(entry.name, frozenset(entry.rights)) for entry in entries}

    def __len__(self) -> int:
        """Number of tokens."""
        return len(self._holders)

    def holder(self, header: bytes) -> Holder | None:
        """Who sent the ``Authorization`` header; None where it holds no token that is known.

        The look-up compares hashes: how long it takes says nothing about a token.
        """
        if header[: len(_PREFIX)].lower() != _PREFIX:
            return None
        return self._holders.get(hashlib.sha256(header[len(_PREFIX) :].strip()).digest())


def read_tokens(path: Path) -> Tokens:
    """Read a token file.

    Raises:
        UsageError: There is none, or it is broken.
    """
    entries = list_tokens(path)
    if not entries:
        raise UsageError(f"{path} holds no token, so nobody could use the service; add one with: xbopt tokens add")
    return Tokens(entries)


def readable_by_others(path: Path) -> bool:
    """Whether everybody may read or change a token file, or its group may change it; a group that reads is meant to.

    Raises:
        UsageError: There is none.
    """
    try:
        return bool(stat.S_IMODE(path.stat().st_mode) & _OTHERS)
    except OSError as error:
        raise UsageError(f"The token file {path} cannot be read: {error.strerror}.") from error


def list_tokens(path: Path) -> list[TokenEntry]:
    """What a token file holds.

    Raises:
        UsageError: There is none, or it is broken.
    """
    _check_ordinary(path)
    try:
        entries = msgspec.json.decode(path.read_bytes(), type=list[TokenEntry])
    except OSError as error:
        raise UsageError(f"The token file {path} cannot be read: {error.strerror}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{path} is no token file: {error}.") from error
    for entry in entries:
        _check_name(entry.name)
        if len(entry.sha256) != _HASH_DIGITS or not all(digit in "0123456789abcdef" for digit in entry.sha256):
            raise UsageError(f"{path}: the sha256 of {entry.name!r} is no SHA-256 in small hexadecimal digits.")
        if not entry.rights:
            raise UsageError(f"{path}: the token {entry.name!r} has no right; take it out.")
    for what, each in (("name", [e.name for e in entries]), ("sha256", [e.sha256 for e in entries])):
        double = next((one for place, one in enumerate(each) if one in each[:place]), None)
        if double is not None:
            raise UsageError(f"{path}: two tokens have the {what} {double!r}.")
    return entries


def add_token(path: Path, name: str, rights: list[Right]) -> str:
    """Make a token, keep its hash, and give the token; it can be read only now.

    Raises:
        UsageError: The name is taken or cannot be used, or the file cannot be written.
    """
    _check_name(name)
    entries = list_tokens(path) if path.exists() else []
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
    entries = list_tokens(path)
    kept = [entry for entry in entries if entry.name != name]
    if len(kept) == len(entries):
        raise UsageError(f"{path} holds no token {name!r}; it has {', '.join(e.name for e in entries) or 'none'}.")
    _write(path, kept)


def _check_name(name: str) -> None:
    """Names stand in the store and in messages.

    Raises:
        UsageError: One is empty, too long, or has characters that do not print.
    """
    if not 0 < len(name) <= _LONGEST_NAME or not name.isprintable():
        raise UsageError(
            f"{name[:_LONGEST_NAME]!r} is no name for a token: give 1 to {_LONGEST_NAME} characters that print."
        )


def _check_ordinary(path: Path) -> None:
    """Refuse what could be waited for without end, as a pipe.

    Raises:
        UsageError: It is there, and no file.
    """
    if path.exists() and not path.is_file():
        raise UsageError(f"{path} is no ordinary file; tokens are read again and again.")


def _write(path: Path, entries: list[TokenEntry]) -> None:
    """Replace a token file; owner and group stay, and what they may do.

    Raises:
        UsageError: It cannot be written, or not for its owner.
    """
    before = path.stat() if path.exists() else None
    with replace_file(path, private=True) as temporary:
        temporary.write_bytes(msgspec.json.format(msgspec.json.encode(entries), indent=2) + b"\n")
        if before is None:
            return
        try:
            os.chown(temporary, before.st_uid, before.st_gid)
        except OSError as error:
            raise UsageError(f"{path} belongs to another user or group; change it as its owner, or as root.") from error
        temporary.chmod(stat.S_IMODE(before.st_mode) & ~_OTHERS)
