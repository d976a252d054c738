"""The shipped formats: each is told from all others, in every language whose headers it knows."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from xbopt.core.documents.validation import DocumentProblems
from xbopt.core.errors import UsageError
from xbopt.imports import steps
from xbopt.imports.engine.recognise import fit
from xbopt.imports.engine.run import import_files
from xbopt.imports.profile import Profile, Trap
from xbopt.imports.profile_files import load_profiles
from xbopt.imports.refusals import UnreadFileError
from xbopt.imports.steps.registry import STEPS
from xbopt.imports.traps import TRAPS

PROFILES = load_profiles()
LANGUAGES = [
    (profile.id, language)
    for profile in PROFILES.values()
    for language in sorted({language for field in profile.fields.values() for language in field.names})
]


def _head(profile: Profile, language: str, fields: Sequence[str]) -> list[str]:
    """The first header of each field in a language; where it has none there, that of another."""
    names = [profile.fields[name].names for name in fields]
    firsts = [(each.get(language) or next(iter(each.values()), ("",)))[0] for each in names]
    return [first.replace("{currency}", "EUR") for first in firsts if first]


def _best(head: Sequence[str], like: Profile) -> set[str]:
    able = [each for each in PROFILES.values() if set(each.containers) & set(like.containers)]
    fits = [found for each in able if (found := fit(each, 0, head, {})) is not None]
    return {each.profile.id for each in fits if each.score == max(one.score for one in fits)}


def _steps() -> list[str]:
    return [path.read_text(encoding="utf-8") for path in Path(steps.__file__).parent.glob("*.py")]


@pytest.mark.parametrize(("profile", "language"), LANGUAGES)
def test_a_whole_head_is_of_one_format(profile: str, language: str) -> None:
    like = PROFILES[profile]
    assert _best(_head(like, language, list(like.fields)), like) == {profile}


@pytest.mark.parametrize(("profile", "language"), LANGUAGES)
def test_the_columns_that_are_needed_are_of_one_format(profile: str, language: str) -> None:
    like = PROFILES[profile]
    needed = [name for name, field in like.fields.items() if field.required or name in like.anchors.required]
    best = _best(_head(like, language, needed), like)
    # Where the least columns fit a second format, nothing is chosen, and --as is asked for.
    assert profile in best


@pytest.mark.parametrize("profile", PROFILES)
def test_steps_and_codes_of_a_format_are_known(profile: str) -> None:
    assert set(PROFILES[profile].steps) <= set(STEPS)
    assert all(trap.sentence for trap in PROFILES[profile].traps)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_format_says_where_its_time_zone_stands(profile: str) -> None:
    like = PROFILES[profile]
    assert like.refuse or like.zone not in ("given", "offset") or like.zone_question


def test_every_common_sentence_is_used_or_told_by_a_step() -> None:
    told_by_steps = {code for code in TRAPS if any(f'note_trap("{code}"' in text for text in _steps())}
    used = {trap.code for profile in PROFILES.values() for trap in profile.traps if not trap.message}
    assert used | told_by_steps == set(TRAPS)


def test_a_code_without_a_sentence_is_no_trap() -> None:
    profile = PROFILES["google_ads"].model_dump()
    profile["traps"] = [Trap(code="no_such_code", when="true").model_dump()]
    with pytest.raises((ValueError, DocumentProblems), match="no_such_code"):
        Profile.model_validate(profile)


@pytest.mark.parametrize("platform", ["aliexpress", "temu"])
def test_formats_that_nobody_described_are_not_made_up(platform: str) -> None:
    assert not [profile.id for profile in PROFILES.values() if profile.platform == platform]
    with pytest.raises(UsageError, match="--columns"):
        import_files([Path("orders.csv")], into=Path("data"), profile=platform)


def test_a_file_of_such_a_platform_is_told_from_other_unknown_ones(tmp_path: Path) -> None:
    path = tmp_path / "Temu_orders_2026.csv"
    path.write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(UnreadFileError, match="Temu describes"):
        import_files([path], into=tmp_path / "data")


def test_every_format_is_told_to_planners(repository: Path) -> None:
    page = (repository / "docs" / "imports.md").read_text(encoding="utf-8")
    assert not [profile for profile in PROFILES if f"`{profile}`" not in page]


def test_every_code_of_the_page_is_one_of_a_format_or_of_the_reader(repository: Path) -> None:
    page = (repository / "docs" / "imports.md").read_text(encoding="utf-8")
    told = set(re.findall(r"\(`([a-z_]+)`", page)) | set(re.findall(r"`([a-z_]+)`\)", page))
    codes = {trap.code for profile in PROFILES.values() for trap in profile.traps} | set(TRAPS)
    reader = [path.read_text(encoding="utf-8") for path in sorted((repository / "imports" / "engine").glob("*.py"))]
    assert told <= codes | set(re.findall(r'"([a-z_]+)"', "".join(reader)))


@pytest.mark.parametrize(
    "head",
    [
        ["Date", "Campaign name", "Impressions", "Clicks", "Spend"],
        ["Day", "Campaign", "Impressions", "Clicks", "Cost"],
        ["Date", "Campaign name", "Impressions", "Clicks", "Cost", "Currency"],
        ["Day", "Sessions", "Visitors", "Orders"],
        ["date", "campaign_id", "cost", "impressions", "clicks"],
        ["date", "campaign_id", "spend", "impressions", "clicks"],
        ["Date", "Order", "Price", "Quantity"],
    ],
)
def test_everyday_columns_are_of_no_platform(head: list[str]) -> None:
    assert not [profile.id for profile in PROFILES.values() if fit(profile, 0, head, {}) is not None]
