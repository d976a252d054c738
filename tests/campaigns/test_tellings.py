"""Sources of a campaign's days: each corrects itself alone, and what is not told is not taken back."""

import numpy as np
import pytest

from xbopt.campaigns.actuals.actual_day import ActualDay
from xbopt.campaigns.actuals.tellings import Tellings, tellings_of
from xbopt.core.errors import CampaignError

NOT = np.nan


def media(source: str, spend: object, silent: object = ((0.0,), (0.0,)), day: int = 3) -> ActualDay:
    """A day of two regions and one channel."""
    figures = {"spend_base": np.array(spend, dtype=float)[:, None, :]}
    if silent is not None:
        figures["media_silent"] = np.array(silent, dtype=float)[:, None, :]
    return ActualDay(day=day, figures=figures, source=source)


def spend(tellings: Tellings) -> list[float]:
    day = tellings.day(3)
    assert day is not None
    assert "media_silent" not in day.figures
    return day.figures["spend_base"][:, 0, 0].tolist()


def test_accounts_and_platforms_of_a_channel_add_up_in_any_order() -> None:
    parts = [
        media("google_ads/eu", [[80.0], [0.0]], [[0.0], [1.0]]),
        media("google_ads/uk", [[0.0], [50.0]], [[1.0], [0.0]]),
        media("microsoft_ads/", [[3.0], [2.0]]),
    ]
    assert spend(tellings_of(parts)) == [83.0, 52.0]
    assert spend(tellings_of(reversed(parts))) == [83.0, 52.0]


def test_a_source_corrects_itself_alone() -> None:
    told = tellings_of([media("a/", [[80.0], [9.0]]), media("b/", [[3.0], [2.0]]), media("a/", [[70.0], [0.0]])])
    assert spend(told) == [73.0, 2.0]


def test_silence_takes_nothing_back_and_rows_do() -> None:
    """The same account in two files, one a country; then a file of both in which one had no spend that day."""
    first = media("a/", [[80.0], [0.0]], [[0.0], [1.0]])
    second = media("a/", [[0.0], [50.0]], [[1.0], [0.0]])
    assert spend(tellings_of([first])) == [80.0, 0.0]
    assert spend(tellings_of([first, second])) == [80.0, 50.0]
    assert spend(tellings_of([first, second, first, second])) == [80.0, 50.0]
    both = media("a/", [[81.0], [0.0]])
    assert spend(tellings_of([first, second, both])) == [81.0, 0.0]
    assert spend(tellings_of([first, second, both, first])) == [80.0, 0.0]


def test_what_is_not_known_adds_nothing() -> None:
    told = tellings_of([media("a/", [[NOT], [4.0]]), media("b/", [[NOT], [2.0]])])
    assert np.isnan(spend(told)[0])
    assert spend(told)[1] == 6.0
    assert tellings_of([]).day(3) is None


def test_a_total_and_a_split_add_up_to_a_total() -> None:
    split = ActualDay(day=3, figures={"orders": np.array([[5.0], [6.0]])}, source="orders:shopify/")
    total = ActualDay(day=3, figures={"orders": np.array([[4.0]])}, source="orders:amazon/")
    day = tellings_of([split, total]).day(3)
    assert day is not None
    assert day.figures["orders"].tolist() == [[15.0]]


def test_deals_of_two_shops_are_weighed_by_what_they_sold() -> None:
    def shop(name: str, share: float, sold: float) -> ActualDay:
        figures = {"discount_frac": np.array([[share]]), "net_sales_base": np.array([[sold]])}
        return ActualDay(day=3, figures=figures, source=name)

    day = tellings_of([shop("orders:a/", 0.2, 300.0), shop("orders:b/", 0.0, 100.0)]).day(3)
    assert day is not None
    assert day.figures["discount_frac"].item() == pytest.approx(0.15)


@pytest.mark.parametrize("whole_first", [True, False])
def test_a_day_is_told_whole_or_by_source(whole_first: bool) -> None:
    """Books of the whole day hold the platforms' money already."""
    pair = [media("", [[80.0], [1.0]], None), media("google_ads/", [[80.0], [1.0]])]
    with pytest.raises(CampaignError, match="count the same twice"):
        tellings_of(pair if whole_first else pair[::-1])
    orders = ActualDay(day=3, figures={"orders": np.array([[5.0]])})
    assert tellings_of([pair[1], orders]).day(3) is not None


def test_the_source_of_a_day_comes_back_from_its_bytes() -> None:
    day = media("google_ads/eu", [[1.0], [NOT]])
    back = ActualDay.from_bytes(day.to_bytes())
    assert (back.source, back.day) == ("google_ads/eu", 3)
    assert back.to_bytes() == day.to_bytes()


def test_what_is_known_of_a_part_counts_in_a_total() -> None:
    """One source tells regions and channels, and not all of them; another tells no split."""
    part = ActualDay(day=3, figures={"spend_base": np.array([[[200.0, 150.0]], [[100.0, NOT]]])}, source="a/")
    total = ActualDay(day=3, figures={"spend_base": np.array([[[30.0]]])}, source="b/")
    for parts in ([part, total], [total, part]):
        day = tellings_of(parts).day(3)
        assert day is not None
        assert day.figures["spend_base"].tolist() == [[[480.0]]]


def test_a_part_in_another_split_takes_nothing_away() -> None:
    whole = ActualDay(day=3, figures={"spend_base": np.array([[[100.0, 80.0]], [[50.0, 20.0]]])}, source="a/")
    part = ActualDay(day=3, figures={"spend_base": np.array([[[150.0, NOT]]])}, source="a/")
    with pytest.raises(CampaignError, match="another split"):
        tellings_of([whole, part])
