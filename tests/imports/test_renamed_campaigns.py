"""A campaign that was renamed between two exports is one: by its id; equal figures without one are asked about."""

from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from xbopt.imports.engine.run import ImportResult, import_files
from xbopt.imports.refusals import RefusedFileError

START = date(2026, 5, 1)


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XBOPT_HOME", str(tmp_path / "home"))


def _report(*campaigns: tuple[str, str], first: int = 0, days: int = 4, spend: float = 10.0) -> str:
    """A report of Google; a campaign is its name and id, and spends 1.00 more each day."""
    with_id = any(number for _, number in campaigns)
    rows = [
        f"{START + timedelta(n)},{name},{number + ',' if with_id else ''}EUR,{spend + 100 * i + n:.2f},{900 + n},9"
        for n in range(first, first + days)
        for i, (name, number) in enumerate(campaigns)
    ]
    return "\n".join([f"Day,Campaign,{'Campaign ID,' if with_id else ''}Currency code,Cost,Impr.,Clicks", *rows, ""])


def _import(folder: Path, *texts: str, **more: object) -> ImportResult:
    paths = [folder / f"{letter}.csv" for letter, _ in zip("abc", texts, strict=False)]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text, encoding="utf-8")
    return import_files(paths, into=folder / "data", zone="UTC", k=0, **more)  # type: ignore[arg-type]


def _media(folder: Path) -> pl.DataFrame:
    return pl.read_parquet(folder / "data" / "media.parquet")


def test_one_id_is_one_campaign_and_has_its_latest_name(tmp_path: Path) -> None:
    result = _import(tmp_path, _report(("Old", "71")), _report(("New", "71"), first=2))
    # Days 1 to 6 spend 10, 11, 12, 13, 14, 15.
    assert _media(tmp_path)["spend"].sum() == 75.0
    assert _media(tmp_path)["campaign"].unique().to_list() == ["New"]
    assert [note.code for note in result.provenance.notes if note.code == "renamed_campaigns"]


def test_the_export_that_reaches_further_has_the_latest_name_in_any_order(tmp_path: Path) -> None:
    _import(tmp_path, _report(("New", "71"), first=2), _report(("Old", "71")))
    assert _media(tmp_path)["campaign"].unique().to_list() == ["New"]


def test_a_rename_is_noted_where_every_old_row_gives_way(tmp_path: Path) -> None:
    result = _import(tmp_path, _report(("Old", "71")), _report(("New", "71"), days=5))
    assert _media(tmp_path)["spend"].sum() == 60.0
    assert any(note.code == "renamed_campaigns" for note in result.provenance.notes)


def test_channels_and_countries_that_follow_from_a_name_make_no_second_campaign(tmp_path: Path) -> None:
    texts = _report(("Old DE", "71")), _report(("New", "71"), first=2)
    _import(tmp_path, *texts, channels={"Old": "brand"}, countries={"DE": "DE"})
    assert _media(tmp_path)["spend"].sum() == 75.0


def test_a_name_without_an_id_is_the_campaign_of_that_name(tmp_path: Path) -> None:
    _import(tmp_path, _report(("Old", "")), _report(("Old", "71"), first=2), _report(("New", "71"), first=3))
    # Days 1 to 7 spend 10 to 16.
    assert _media(tmp_path)["spend"].sum() == 91.0


@pytest.mark.parametrize(("one", "other"), [("", ""), ("", "71"), ("71", "")])
def test_equal_figures_under_two_names_are_asked_about(tmp_path: Path, one: str, other: str) -> None:
    stays = ("Stays", "72" if one else ""), ("Stays", "72" if other else "")
    texts = _report(("Old", one), stays[0]), _report(("New", other), stays[1], first=1)
    with pytest.raises(RefusedFileError, match=r"3 rows of a\.csv and of b\.csv.*--accept same_figures") as caught:
        _import(tmp_path, *texts)
    assert caught.value.code == "same_figures"
    _import(tmp_path, *texts, accept=["same_figures"])
    # Old 10 to 13 and New 11 to 14, and 110 to 114 once.
    assert _media(tmp_path)["spend"].sum() == 46.0 + 50.0 + 560.0


def test_what_was_accepted_is_not_asked_about_again(tmp_path: Path) -> None:
    _import(tmp_path, _report(("Old", "")), _report(("New", "")), accept=["same_figures"])
    (tmp_path / "later").mkdir()
    path = tmp_path / "later" / "c.csv"
    path.write_text(_report(("Third", ""), first=9), encoding="utf-8")
    import_files([path], into=tmp_path / "data", zone="UTC", k=0)
    assert _media(tmp_path).height == 12


def test_accounts_by_id_in_one_file_and_by_name_in_another_are_asked_about(tmp_path: Path) -> None:
    head, *rows = _report(("Old", "71")).splitlines()
    texts = ["\n".join([f"{head},Account", *(f"{row},{account}" for row in rows), ""]) for account in ("123", "Shop")]
    with pytest.raises(RefusedFileError) as caught:
        _import(tmp_path, *texts)
    assert caught.value.code == "same_figures"


def test_other_figures_on_the_same_days_are_other_campaigns(tmp_path: Path) -> None:
    _import(tmp_path, _report(("One", "")), _report(("Two", ""), spend=50.0))
    assert _media(tmp_path)["spend"].sum() == 46.0 + 206.0


def test_one_equal_figure_of_many_is_chance(tmp_path: Path) -> None:
    _import(tmp_path, _report(("One", "")), _report(("Two", ""), spend=50.0).replace("50.00", "10.00"))
    assert _media(tmp_path).height == 8


def test_mailings_are_known_by_their_id(tmp_path: Path) -> None:
    head = "Campaign,Nr,Sent,Recipients\n"
    texts = [f"{head}{name},7,2026-05-01 10:00,900\n" for name in ("Sale", "Sale, corrected")]
    roles = {"campaign": "Campaign", "campaign_id": "Nr", "time": "Sent", "recipients": "Recipients"}
    _import(tmp_path, texts[0], texts[1].replace("Sale, corrected", "Sale corrected"), columns=roles, currency="EUR")
    assert pl.read_parquet(tmp_path / "data" / "sends.parquet").height == 1
