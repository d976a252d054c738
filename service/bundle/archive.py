"""A bundle on disk: a folder, or one file that is a plain tar archive of it; both are read whole, within limits."""

import io
import os
import stat
import tarfile
from collections.abc import Mapping
from pathlib import Path

from xbopt.core.errors import BundleError, UsageError
from xbopt.core.files import check_target, replace_file
from xbopt.service.bundle.formats import CARD, MANIFEST, OPTIONAL, POLICY, REQUIRED, SIGNATURE

SUFFIX = ".xbopt"
_MEGA = 1 << 20
LIMITS: Mapping[str, int] = {MANIFEST: _MEGA, SIGNATURE: 4096, CARD: _MEGA, POLICY: 256 * _MEGA}
"""Most bytes of a file; the others may have 64 MB."""
OTHER_LIMIT = 64 * _MEGA
TOTAL_LIMIT = 512 * _MEGA
KNOWN = frozenset((MANIFEST, SIGNATURE, *REQUIRED, *OPTIONAL))


def read_files(path: Path) -> dict[str, bytes]:
    """The files of a bundle by name, read once, so that what is checked is what is used.

    Raises:
        BundleError: Something is there that belongs to no bundle, or is too large.
    """
    try:
        if path.is_dir():
            return _read_folder(path)
        if path.is_file():
            return _read_archive(path)
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error.strerror or error}.") from error
    raise UsageError(f"There is no bundle {path}; name a folder, or a file that ends in {SUFFIX}.")


def _read_folder(folder: Path) -> dict[str, bytes]:
    names = sorted(entry.name for entry in os.scandir(folder))
    files: dict[str, bytes] = {}
    total = 0
    for name in names:
        if name not in KNOWN:
            raise BundleError(f"{folder} holds {name!r}, which belongs to no bundle.")
        # Links are not followed: a bundle holds its own bytes.
        handle = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise BundleError(f"{folder / name} is no ordinary file.")
            files[name] = file.read(_limit(name) + 1)
        total += len(files[name])
        _check_size(name, len(files[name]), total)
    return files


def _read_archive(path: Path) -> dict[str, bytes]:
    if path.stat().st_size > TOTAL_LIMIT:
        raise BundleError(f"{path} has more than {TOTAL_LIMIT >> 20} MB.")
    data = path.read_bytes()
    files: dict[str, bytes] = {}
    total = 0
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            for member in archive:
                if member.name not in KNOWN or not member.isreg() or member.name in files:
                    raise BundleError(f"{path} holds {member.name[:80]!r}, which belongs to no bundle.")
                total += member.size
                _check_size(member.name, member.size, total)
                content = archive.extractfile(member)
                files[member.name] = b"" if content is None else content.read()
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise BundleError(f"{path} is no whole bundle archive: {error}.") from error
    # The one way to pack these files; anything else, even in a padding byte, was changed.
    if pack(files) != data:
        raise BundleError(f"{path} is not packed as xbopt packs it, so it was changed. Export the bundle again.")
    return files


def _limit(name: str) -> int:
    return LIMITS.get(name, OTHER_LIMIT)


def _check_size(name: str, size: int, total: int) -> None:
    if size > _limit(name):
        raise BundleError(f"{name} has more than {_limit(name) >> 10} kB.")
    if total > TOTAL_LIMIT:
        raise BundleError(f"The bundle has more than {TOTAL_LIMIT >> 20} MB.")


def pack(files: Mapping[str, bytes]) -> bytes:
    """The archive of some files: names sorted, no owner, no time; the same bytes for the same files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:", format=tarfile.USTAR_FORMAT) as archive:
        for name in sorted(files):
            member = tarfile.TarInfo(name)
            member.size, member.mode, member.mtime = len(files[name]), 0o644, 0
            archive.addfile(member, io.BytesIO(files[name]))
    return buffer.getvalue()


def write_files(files: Mapping[str, bytes], target: Path) -> None:
    """Write a bundle: one file where the name ends in ``.xbopt``, a folder otherwise.

    Raises:
        UsageError: It cannot be written there, or a folder of that name holds something.
    """
    if target.suffix == SUFFIX:
        with replace_file(target) as temporary:
            temporary.write_bytes(pack(files))
        return
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(f"{target} is there already; name a new folder, or a file that ends in {SUFFIX}.")
    check_target(target.parent / f"{target.name}.new")
    target.mkdir(exist_ok=True)
    # The manifest comes last: a folder without one is no bundle.
    for name in sorted(files, key=lambda name: (name == MANIFEST, name)):
        with replace_file(target / name) as temporary:
            temporary.write_bytes(files[name])
