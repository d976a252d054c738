"""What every upload sheet has to keep, whatever the platform: 200 random plans booked into each and read back."""

import csv
import io
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from tests.campaigns.booking_exports import EXPORTS, Campaign
from xbopt.campaigns.booking.account import Account
from xbopt.campaigns.booking.booking import Booking, write_sheets
from xbopt.campaigns.booking.mapping import MappedCampaign
from xbopt.campaigns.booking.platform import booking_platforms
from xbopt.campaigns.booking.read_back import read_back
from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.planned_days import PlannedDays
from xbopt.core.randomness import named_generator
from xbopt.core.scenario.loading import load_scenario

PLANS = 200
SCENARIO = load_scenario("quickstart")
CAMPAIGNS = tuple(
    Campaign(id=f"{i + 1:04d}", name=f"{region} {channel} Lamps", budget=f"{50 + i}.25")
    for i, (region, channel) in enumerate((r, c) for r in SCENARIO.regions for c in ("search", "social"))
)
ACCOUNTS = (
    Account(currency="EUR", base_per_unit=1.0, timezone="Europe/Berlin"),
    Account(currency="USD", base_per_unit=0.91, timezone="America/New_York"),
    Account(currency="JPY", base_per_unit=0.0061, timezone="Asia/Tokyo"),
)


def a_plan(number: int) -> PlannedDays:
    """Some days of spend between nothing and much, with and without hours of its own."""
    rng = named_generator(0, f"booking plan {number}")
    r, s, c, h = SCENARIO.shape
    n = int(rng.integers(1, 5))
    first = int(rng.integers(0, SCENARIO.days - n))
    spend = rng.gamma(0.7, 60.0, (n, r, s, c)) * (rng.random((n, r, s, c)) < 0.8)
    if rng.random() < 0.5:
        spend[1:] = spend[:1]
    weights = np.repeat(SCENARIO.audience[:, None], c, axis=1)
    if rng.random() < 0.7:
        weights = rng.dirichlet(np.ones(h), (r, c))
        if rng.random() < 0.5:
            weights[..., 0] = 0.0
            weights /= weights.sum(axis=-1, keepdims=True)
    discounts = np.zeros((n, r, s))
    return PlannedDays(
        first_day=first, spend_base=spend, daypart_weights=weights, discount_frac=discounts,
        mechanic=np.zeros((n, r, s), dtype=np.int64),
    )  # fmt: skip


def a_mapping(number: int) -> tuple[MappedCampaign, ...]:
    """Campaigns for all segments or one, for one region or both, for whole cells or a part of them."""
    rng = named_generator(0, f"booking mapping {number}")
    rows = [
        MappedCampaign(campaign=each.name, region=each.name.split()[0], channel=each.name.split()[1])
        for each in CAMPAIGNS
    ]
    if rng.random() < 0.3:  # one search campaign for both regions, beside that of one of them
        return (replace(rows[0], region=""), *rows[1:])
    if rng.random() < 0.3:
        rows[1] = replace(rows[1], segment="students")
    return tuple(replace(row, share=None if rng.random() < 0.5 else float(rng.choice([1.0, 0.37]))) for row in rows)


def shown(content: bytes, separator: str | None) -> list[list[str]]:
    """The cells of a sheet, by the plainest means there are."""
    if content[:2] == b"PK":
        from python_calamine import CalamineWorkbook

        book = CalamineWorkbook.from_filelike(io.BytesIO(content))
        return [[name, *map(str, row)] for name in book.sheet_names
                for row in book.get_sheet_by_name(name).to_python(skip_empty_area=False)]  # fmt: skip
    wide = content[:2] == b"\xff\xfe"
    text = content.decode("utf-16" if wide else "utf-8-sig")
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=separator or ","))


def test_every_platform_has_an_export_to_test():
    """A new format comes with an export in its real shape."""
    assert set(EXPORTS) == set(booking_platforms())


@pytest.mark.parametrize("platform", sorted(EXPORTS))
def test_random_plans_come_back_within_the_rounding_and_never_above_the_budget(platform: str):
    """Read back is what was said to be booked; that is the plan to a unit, but for what the check file names."""
    export = EXPORTS[platform](CAMPAIGNS)
    sheets = 0
    for number in range(PLANS):
        days, mapping = a_plan(number), a_mapping(number)
        account = ACCOUNTS[number % len(ACCOUNTS)]
        by = "mean" if number % 5 == 0 else "run"
        made = write_sheets(days, SCENARIO, platform, export, mapping, account=account, by=by)
        back = read_back(made.sheets, platform, export, SCENARIO, mapping, account=account, days=days)
        np.testing.assert_allclose(back.spend_base, made.booked.spend_base, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(back.daypart_weights, made.booked.daypart_weights, atol=1e-9)
        assert_within_rounding(made, days, by)
        carried = made.carried_out(days)
        assert carried.spend_base.sum() <= days.spend_base.sum() * (1.0 + 1e-9)
        sheets += len(made.sheets)
    assert sheets > PLANS / 2


def assert_within_rounding(made: Booking, days: PlannedDays, by: str) -> None:
    """Never above what was asked; less than a smallest unit below for each line, where nothing else is told."""
    asked, booked = made.asked_base, made.booked.spend_base
    if by == "run":
        assert np.all(by_day(booked) <= by_day(asked) * (1.0 + 1e-9))
    assert booked.sum() <= asked.sum() * (1.0 + 1e-9)
    assert np.all(asked <= days.spend_base * (1.0 + 1e-9))
    # Two lines of a cell at most, each less than a smallest unit below its part.
    unit = 2.0 * made.account.base_per_unit / 10**made.account.digits
    for day, (wanted, got) in enumerate(zip(asked, booked, strict=True)):
        when = SCENARIO.date_of(days.first_day + day)
        told = {row.code for row in made.check if row.first <= when <= row.last} - {"rounded", "other_sheet"}
        if not {code for code in told if not code.startswith(("hours", "clock"))}:
            assert np.abs(wanted.sum(axis=1) - got.sum(axis=1)).max() <= unit * (1.0 + 1e-9)


def by_day(spend: FloatArray) -> FloatArray:
    """Spend by day."""
    return spend.sum(axis=(1, 2, 3))


@pytest.mark.parametrize("platform", sorted(EXPORTS))
def test_other_rows_stay_and_nothing_is_switched_on(platform: str):
    """Only budgets, hours and what asks for the update differ, in rows of the mapping alone; the rest byte for byte."""
    paused = (*CAMPAIGNS[:-1], replace(CAMPAIGNS[-1], runs=False))
    export = EXPORTS[platform](paused)
    days = a_plan(3)
    made = write_sheets(days, SCENARIO, platform, export, a_mapping(3), account=ACCOUNTS[0])
    assert made.sheets
    separator = {"google_editor": "\t", "meta": "\t", "google_bulk": ";"}.get(platform, ",")
    before = shown(export, separator)
    ours = {each.name for each in paused} | {each.id for each in paused}
    for content in made.sheets.values():
        after = shown(content, separator)
        assert len(after) == len(before)
        head = next(row for row in before if any("udget" in cell for cell in row) and len(row) > 3)
        for old, new in zip(before, after, strict=True):
            for i, (one, other) in enumerate(zip(old, new, strict=True)):
                if one != other:
                    assert ours & set(old) or any(cell.startswith("c:") for cell in old)
                    assert any(word in head[i] for word in ("udget", "chedule", "Daypart", "Operation", "Action"))
        assert sum(row == other for row, other in zip(before, after, strict=True)) >= len(before) - 2 * len(paused)
    assert any(row.code == "not_running" and row.line == paused[-1].name for row in made.check)
    uk = made.booked.spend_base[:, SCENARIO.regions.index("UK"), :, SCENARIO.channels.index("social")]
    assert np.all(uk == 0.0)


def test_rows_that_are_not_ours_are_the_same_bytes():
    """A text export is cut up nowhere but at the cells that change."""
    export = EXPORTS["google_editor"](CAMPAIGNS)
    made = write_sheets(a_plan(3), SCENARIO, "google_editor", export, a_mapping(3), account=ACCOUNTS[0])
    for content in made.sheets.values():
        assert content[:2] == b"\xff\xfe"
        old, new = (each.decode("utf-16").split("\r\n") for each in (export, content))
        assert [one for one in old if "\tDaily\t" not in one] == [one for one in new if "\tDaily\t" not in one]
        assert old[-2] == new[-2]


def test_the_other_parts_of_a_workbook_are_the_same_bytes():
    """Only the markup of the one sheet changes."""
    export = EXPORTS["amazon"](CAMPAIGNS)
    made = write_sheets(a_plan(3), SCENARIO, "amazon", export, a_mapping(3), account=ACCOUNTS[0])
    old = zipfile.ZipFile(io.BytesIO(export))
    for content in made.sheets.values():
        new = zipfile.ZipFile(io.BytesIO(content))
        assert new.namelist() == old.namelist()
        assert [n for n in old.namelist() if new.read(n) != old.read(n)] == ["xl/worksheets/sheet2.xml"]
