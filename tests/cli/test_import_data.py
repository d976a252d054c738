"""``xbopt import`` from the terminal: what it says, in which form, and with which exit code."""

import json
from pathlib import Path

import pytest

from tests.command_line import Command

MEDIA = """\
Day,Campaign,Currency code,Cost,Impr.,Clicks
2026-09-03,Lamps search,EUR,"1,000.50",10000,100
2026-09-04,Lamps search,EUR,1.00,50,2
"""


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XBOPT_HOME", str(tmp_path / "home"))


@pytest.fixture
def media(tmp_path: Path) -> Path:
    """A report of Google Ads."""
    path = tmp_path / "ads.csv"
    path.write_text(MEDIA, encoding="utf-8")
    return path


def test_what_was_done_is_told(xbopt_command: Command, media: Path) -> None:
    answer = xbopt_command("import", media, "-o", "data", "--zone", "Europe/Berlin", "--report", "page.html")
    assert answer.code == 0, answer.err
    for said in ("google_ads", "2026-09-03", "Europe/Berlin", "2 rows of media", "Next: import orders too"):
        assert said in answer.out
    assert "Report: page.html" in answer.err
    assert "every other row is accounted for" in (media.parent / "page.html").read_text(encoding="utf-8")


def test_json_is_one_document_that_accounts_for_every_row(xbopt_command: Command, media: Path) -> None:
    answer = xbopt_command(
        "import", media, "-o", "data", "--zone", "UTC", "--json", "--channel-map", "lamps=search,google_ads=other"
    )
    found = json.loads(answer.out)
    assert found["tables"] == {"media": 2}
    (file,) = found["files"]
    assert file["rows_read"] == file["rows_kept"] + sum(file["dropped"].values()) == 2
    assert file["evidence"] in ("doc", "code", "thread", "memory")
    assert {each["by"] for each in file["assumptions"]} == {"flag"}
    from xbopt.imports.data_folder import read_data_folder

    rows = read_data_folder(media.parent / "data").table("media")
    assert rows is not None
    assert rows["channel"].to_list() == ["search", "search"]


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        ((), 2, "-o data"),
        (("-o", "data"), 2, "--zone"),
        (("-o", "data", "--zone", "Berlin"), 2, "IANA"),
        (("-o", "data", "--zone", "UTC", "--currency", "euro"), 2, "three capital letters"),
        (("-o", "data", "--as", "gogle_ads"), 2, "google_ads"),
        (("-o", "data", "--columns", "spend"), 2, "NAME=VALUE"),
        (("-o", "data", "--columns", "spend=Cost,date=Day,colour=Campaign"), 2, "no role"),
        (("-o", "data", "--columns", "spend=Cost"), 2, "needs date"),
        (("-o", "data", "--columns", "spend=Costs,date=Day"), 2, "has a column named Costs"),
        (("-o", "ads.csv", "--zone", "UTC"), 2, "is a file"),
        (("-o", "data", "--zone", "UTC", "--as", "shopify_orders"), 2, "lacks the column"),
    ],
)
def test_a_call_that_does_not_fit_says_what_would(
    xbopt_command: Command, media: Path, options: tuple[str, ...], code: int, says: str
) -> None:
    answer = xbopt_command("import", media, *options)
    assert answer.code == code
    assert says in answer.err
    assert not (media.parent / "data").exists()


def test_a_refused_file_exits_with_three(xbopt_command: Command, media: Path) -> None:
    media.write_text(MEDIA.replace("Day,", "Month,"), encoding="utf-8")
    answer = xbopt_command("import", media, "-o", "data", "--zone", "UTC")
    assert answer.code == 3
    assert "Segment > Time > Day" in answer.err


def test_formats_are_listed_with_their_evidence(xbopt_command: Command) -> None:
    listed = xbopt_command("import", "formats")
    assert listed.code == 0
    assert "shopify_orders" in listed.out
    one = xbopt_command("import", "formats", "google_ads")
    assert "Kosten" in one.out
    assert "--zone" in one.out
    documents = json.loads(xbopt_command("import", "formats", "--json").out)
    assert {each["evidence"] for each in documents} <= {"doc", "code", "thread", "memory"}
    assert xbopt_command("import", "formats", "shopfy_orders").code == 2
