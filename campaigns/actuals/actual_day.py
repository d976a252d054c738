"""What is known of one day of a campaign: figures by name, told whole or in totals, and what stood the next morning."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal, cast

import numpy as np

from xbopt.core.arrays import BoolArray, FloatArray, add_up
from xbopt.core.axes import BUCKETS
from xbopt.core.decisions.decision import MECHANICS
from xbopt.core.documents.problems import suggest
from xbopt.core.errors import UsageError
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.state import MarketState
from xbopt.simulator.step import DayOutcome

Kind = Literal["amount", "level", "log", "share", "choice"]
_VERSION = 1
_MOST = 1e15
"""The most that any amount may be: sums of amounts up to this stay finite and exact to the cent."""


@dataclass(frozen=True, slots=True)
class Figure:
    """What a figure's array means.

    Attributes:
        axes: Its axes, one letter each; ``X`` are the channels and organic, ``N`` days to arrival, ``K`` currencies.
        kind: ``amount``: 0 or above, and an axis of length 1 holds the total over it. The others hold on an axis of
            length 1 what is the same all along it: ``level`` 0 or above, ``log`` any number, ``share`` 0..1,
            ``choice`` a position among the mechanics.
        next_morning: Whether it is what stood when the next day dawned.
    """

    axes: str
    kind: Kind = "amount"
    next_morning: bool = False


FIGURES: Mapping[str, Figure] = MappingProxyType(
    {
        "spend_base": Figure("RSC"),
        "impressions": Figure("RSC"),
        "clicks": Figure("RSX"),
        "visits": Figure("RS"),
        "orders": Figure("RS"),
        "first_orders": Figure("RS"),
        "gross_revenue_base": Figure("RS"),
        "net_sales_base": Figure("RS", "log"),
        "net_revenue_base": Figure("RS", "log"),
        "discount_frac": Figure("RS", "share"),
        "mechanic": Figure("RS", "choice"),
        "daypart_weights": Figure("RCH", "level"),
        "customers": Figure("RSL", next_morning=True),
        "stock": Figure("R", next_morning=True),
        "on_order": Figure("RN", next_morning=True),
        "usual_demand": Figure("R", next_morning=True),
        "satisfaction": Figure("RS", "share", next_morning=True),
        "fx_log": Figure("K", "log", next_morning=True),
        "competitor_log": Figure("R", "log", next_morning=True),
        "congestion_log": Figure("R", "log", next_morning=True),
        "sentiment": Figure("R", "log", next_morning=True),
        "media_price_log": Figure("R", "log", next_morning=True),
        "regions_assumed": Figure("C", "share"),
        "media_silent": Figure("RSC", "share"),
        "orders_silent": Figure("RS", "share"),
    }
)
"""Every figure that a day may tell. Clicks are visits counted by source; the last source is organic. Net sales are what
orders brought net of tax and discount, as a shop books them; net revenue is less the refunds to be expected as well.
``regions_assumed`` is 1 where a channel's media named no country, so that their split over regions is an assumption: no
figure of a region may rest on it. ``media_silent`` and ``orders_silent`` are 1 in regions that the files of a source
never name: nothing was told of them, and 0 stands there only as long as the source told nothing else."""
SILENT: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "media_silent": ("spend_base", "impressions", "clicks"),
        "orders_silent": ("orders", "first_orders", "net_sales_base"),
    }
)
"""Figures that say where others are silent."""
MARKS = frozenset({"regions_assumed", *SILENT})
"""Figures that say how others were told, and nothing of the day."""
OUTSIDE: tuple[str, ...] = ("fx_log", "competitor_log", "congestion_log", "sentiment", "media_price_log")


@dataclass(frozen=True, slots=True, kw_only=True)
class ActualDay:
    """What is known of one day.

    Attributes:
        day: Day of the horizon, from 0; -1 tells what stood on the first morning, and nothing else.
        figures: Arrays by name, axes as in ``FIGURES``. An axis of length 1 tells no split along it; NaN stands for
            what is not known. Money is in base currency.
        source: The account or shop whose part of the day this is; empty for the whole day.
    """

    day: int
    figures: Mapping[str, FloatArray]
    source: str = ""

    def check(self, market: MarketParameters) -> None:
        """Check names, shapes and ranges against a market.

        Raises:
            UsageError: The message names the figure, what is wrong with it and what is wanted.
        """
        if not -1 <= self.day < market.scenario.days:
            raise UsageError(
                f"The actuals are of day {self.day}; the campaign has the days 0 to {market.scenario.days - 1}, and -1 "
                "stands for what went before."
            )
        for name, array in self.figures.items():
            if name not in FIGURES:
                raise UsageError(f"{name!r} is no figure of a day.{suggest(name, list(FIGURES))}")
            if self.day < 0 and not FIGURES[name].next_morning:
                raise UsageError(f"{name} is a figure of a day; before the first day there is what stood that morning.")
            wanted = figure_shape(market, name)
            fits = array.ndim == len(wanted) and all(
                have in (1, want) for have, want in zip(array.shape, wanted, strict=True)
            )
            if not fits:
                raise UsageError(
                    f"{name} of day {self.day} has shape {array.shape}; {wanted} is wanted, axes "
                    f"({', '.join(FIGURES[name].axes)}), with 1 where only the total is known."
                )
        self.check_ranges()

    @property
    def tells_something(self) -> bool:
        """Whether anything of the day is known; a day of nothing but NaN is no known day."""
        return any(bool((~np.isnan(array)).any()) for name, array in self.figures.items() if name not in MARKS)

    @property
    def out_of_range(self) -> tuple[str, ...]:
        """Names of figures that hold what cannot be, in their order."""
        return tuple(name for name, array in self.figures.items() if name in FIGURES and _bad(name, array).any())

    def check_ranges(self, when: str | None = None) -> None:
        """Check ranges alone, for which no market is needed.

        Args:
            when: What the message calls the day; its number where left out.

        Raises:
            UsageError: The message names the figure, what is wrong with it and what is wanted.
        """
        for name in self.out_of_range:
            array = self.figures[name]
            least, most = _bounds(name)
            wanted = (
                f"{least:g} to {most:g}"
                if most < _MOST
                else f"a finite number of at most {most:g} either way"
                if np.isneginf(least)
                else f"0 or above, and at most {most:g}"
            )
            raise UsageError(
                f"{name} of {when or f'day {self.day}'} holds {array[_bad(name, array)][0]:g}; {wanted} is wanted."
            )

    def within_range(self) -> "ActualDay":
        """The day with what cannot be as not known."""
        bad = {name: np.where(_bad(name, self.figures[name]), np.nan, self.figures[name]) for name in self.out_of_range}
        return replace(self, figures={**self.figures, **bad})

    def to_bytes(self) -> bytes:
        """The day as MessagePack; the same content gives the same bytes."""
        import msgspec

        figures = {
            # One NaN and one zero, whatever their bits were.
            name: {
                "shape": list(array.shape),
                "data": np.where(np.isnan(array), np.nan, array + 0.0).astype("<f8").tobytes(),
            }
            for name, array in sorted(self.figures.items())
        }
        told: dict[str, object] = {"version": _VERSION, "day": self.day, "figures": figures}
        return msgspec.msgpack.encode({**told, "source": self.source} if self.source else told)

    @classmethod
    def from_bytes(cls, content: bytes) -> "ActualDay":
        """Read what ``to_bytes`` wrote.

        Raises:
            UsageError: It is no such content, or was written by a newer version.
        """
        import msgspec

        try:
            read = msgspec.msgpack.decode(content, type=dict[str, object])
            version = read["version"]
            if version != _VERSION:
                raise UsageError(f"The actuals are of version {version}; this xbopt reads version {_VERSION}.")
            figures = {
                name: np.frombuffer(cast("bytes", part["data"]), dtype="<f8")
                .astype(np.float64)
                .reshape(cast("list[int]", part["shape"]))
                for name, part in cast("dict[str, dict[str, object]]", read["figures"]).items()
            }
            return cls(day=int(cast("int", read["day"])), figures=figures, source=str(read.get("source", "")))
        except (msgspec.DecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise UsageError(f"These bytes are no actuals of a day: {error}.") from error


def merged(old: ActualDay, new: ActualDay) -> ActualDay:
    """Two reports of the same day by the same source; the later one holds where it tells something.

    A figure that is told with another split replaces the old one whole.
    """
    assert old.day == new.day, "only reports of one day can be merged"
    figures = dict(old.figures)
    for name, array in new.figures.items():
        before = figures.get(name)
        if before is not None and before.shape == array.shape:
            figures[name] = np.where(np.isnan(array), before, array)
        elif not np.isnan(array).all():
            figures[name] = array
    return ActualDay(day=old.day, figures=figures, source=old.source)


def actual_day_of(
    outcome: DayOutcome, counted_visits: FloatArray, evening: MarketState, *, world: int = 0
) -> ActualDay:
    """All that a seller knows of a day in one world of a batch.

    Args:
        outcome: What the day brought.
        counted_visits: Visits by source as counted ``(B, R, S, C + 1)``.
        evening: The state that the day left.
        world: Position of the world in the batch.
    """
    decision = outcome.decision
    batch: dict[str, FloatArray] = {
        "spend_base": decision.spend_base,
        "impressions": outcome.impressions,
        "clicks": counted_visits,
        "visits": outcome.visits,
        "orders": add_up(outcome.orders, 3),
        "first_orders": outcome.orders[..., 0],
        "gross_revenue_base": outcome.money.gross_revenue,
        "net_revenue_base": outcome.money.net_revenue,
        "discount_frac": decision.discount_frac,
        "mechanic": decision.mechanic.astype(np.float64),
        "daypart_weights": decision.daypart_weights,
    }
    told = {name: np.ascontiguousarray(array[world]) for name, array in batch.items()}
    return ActualDay(day=evening.day - 1, figures={**told, **actual_morning_of(evening, world=world).figures})


def actual_morning_of(state: MarketState, *, world: int = 0) -> ActualDay:
    """What a seller sees of a morning in one world of a batch, as a report of the day before."""
    figures = {
        name: np.ascontiguousarray(getattr(state.outside if name in OUTSIDE else state, name)[world])
        for name, figure in FIGURES.items()
        if figure.next_morning
    }
    return ActualDay(day=state.day - 1, figures=figures)


def figure_shape(market: MarketParameters, name: str) -> tuple[int, ...]:
    """Shape of a figure that is told whole."""
    regions, segments, channels, dayparts = market.shape
    lengths = {
        "R": regions,
        "S": segments,
        "C": channels,
        "X": channels + 1,
        "H": dayparts,
        "L": len(BUCKETS),
        "N": max(market.fulfilment.lead_days),
        "K": len(market.outside.fx_keep),
    }
    return tuple(lengths[axis] for axis in FIGURES[name].axes)


def _bounds(name: str) -> tuple[float, float]:
    kind = FIGURES[name].kind
    most = {"share": 1.0, "choice": len(MECHANICS) - 1.0}.get(kind, _MOST)
    return (-np.inf if kind == "log" else 0.0), most


def _bad(name: str, array: FloatArray) -> BoolArray:
    """Where a figure holds what cannot be; NaN, which is not known, can."""
    least, most = _bounds(name)
    bad: BoolArray = (array < max(least, -_MOST)) | (array > most)
    if FIGURES[name].kind == "choice":
        bad |= ~np.isnan(array) & (array != np.rint(array))
    if name == "stock":  # an unlimited stock is infinite
        bad &= ~np.isposinf(array)
    return bad
