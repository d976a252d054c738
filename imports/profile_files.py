"""Profiles from their files: those that are shipped, and a user's own."""

import os
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from xbopt.core.documents.validation import validate_document
from xbopt.core.documents.yaml_files import load_yaml
from xbopt.core.errors import UsageError
from xbopt.imports.profile import Profile

_SHIPPED = Path(__file__).parent / "profiles"


def user_folder() -> Path:
    """Where a user's own profiles and key lie: ``$XBOPT_HOME``, else ``xbopt`` in the user's configuration."""
    home = os.environ.get("XBOPT_HOME")
    if home:
        return Path(home)
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "xbopt"


def load_profile(path: Path) -> Profile:
    """Read one profile.

    Raises:
        ScenarioError: The file is no profile; each problem has its place.
        UsageError: Its id is not its file's name.
    """
    profile = validate_document(Profile, load_yaml(path))
    if profile.id != path.stem:
        raise UsageError(f"{path}: the profile's id is {profile.id!r}; it has to be the file's name, {path.stem!r}.")
    return profile


def load_profiles(folders: Iterable[Path] = ()) -> Mapping[str, Profile]:
    """All profiles by id in order of ids: the shipped ones, the user's own, and those in further folders.

    A later one replaces an earlier one of the same id.

    Raises:
        ScenarioError: A file is no profile.
        UsageError: A folder is missing, or an id is not its file's name.
    """
    found = dict(_shipped())
    own = os.environ.get("XBOPT_PROFILES")
    usual = [Path(own) if own else user_folder() / "profiles"]
    for folder in (*(each for each in usual if each.is_dir()), *folders):
        if not folder.is_dir():
            raise UsageError(f"There is no folder {folder} with profiles.")
        found.update((path.stem, load_profile(path)) for path in sorted(folder.glob("*.yaml")))
    return dict(sorted(found.items()))


@cache
def _shipped() -> Mapping[str, Profile]:
    return {path.stem: load_profile(path) for path in sorted(_SHIPPED.glob("*.yaml"))}
