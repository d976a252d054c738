"""What a seller says of his market: a sentence, and up to ten numbers that he may know."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from xbopt.core.defaults.channels import DEFAULT_CHANNELS
from xbopt.core.defaults.ledger import figures
from xbopt.core.defaults.order_values import TOO_FAR, times_outside, usual_order_values
from xbopt.core.defaults.wish import Wish
from xbopt.core.errors import UsageError
from xbopt.core.tables.market_names import channel_kinds, named

DAYS_OF_A_MONTH = 365.25 / 12.0
LAST_DAYS = 1100


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What a seller knows; None where he does not.

    Attributes:
        wish: Trade, origin, countries and budget.
        start: First day.
        days: Number of days.
        channels: Kinds of channels, by id.
        order_value_base: Net value of an order, in the budget's currency.
        gross_margin_frac: Gross margin, a share of the price.
        orders_a_month: Orders of an average month, all countries together.
        conversion: Orders a visit.
        repeat_frac: First buyers who order again within a year.
        return_rate: Share of orders that come back.
        country_shares: Share of spend by country, by ISO code; summed to 1.
    """

    wish: Wish
    start: date
    days: int = 90
    channels: tuple[str, ...] = DEFAULT_CHANNELS
    order_value_base: float | None = None
    gross_margin_frac: float | None = None
    orders_a_month: float | None = None
    conversion: float | None = None
    repeat_frac: float | None = None
    return_rate: float | None = None
    country_shares: Mapping[str, float] = field(default_factory=dict[str, float])

    def __post_init__(self) -> None:
        """Check each answer alone.

        Raises:
            UsageError: An answer is out of range; the message says which, and what would be allowed.
            TableError: A channel is not known.
        """
        if not 7 <= self.days <= LAST_DAYS:
            raise UsageError(f"--days must lie between 7 and {LAST_DAYS}, not {self.days}.")
        if not self.channels:
            raise UsageError("--channels names no channel.")
        object.__setattr__(
            self,
            "channels",
            tuple(dict.fromkeys(named(one, channel_kinds(), what="channel").id for one in self.channels)),
        )
        ranges = {
            "order_value_base": (0.01, 1e7, "--order-value"),
            "gross_margin_frac": (0.01, 0.95, "--gross-margin"),
            "orders_a_month": (1.0, 1e9, "--orders-a-month"),
            "conversion": (1e-4, 0.3, "--conversion"),
            "repeat_frac": (0.02, 0.9, "--repeat"),
            "return_rate": (0.0, 0.9, "--return-rate"),
        }
        for name, (low, high, option) in ranges.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise UsageError(f"{option} must lie between {low:g} and {high:g}, not {value:g}.")
        self._check_order_value()
        self._check_shares()

    def _check_order_value(self) -> None:
        value, wish = self.order_value_base, self.wish
        usual = usual_order_values(wish.trade, wish.money.currency, self.start)
        if value is not None and usual is not None and times_outside(value, usual) >= TOO_FAR:
            low, high = (f"{figures(amount):,.10g}" for amount in usual)
            raise UsageError(
                f"--order-value {value:,.10g}: orders of {wish.trade} are usually worth {low} to {high} "
                f"{wish.money.currency}. State it in {wish.money.currency}, or name the trade general."
            )

    def _check_shares(self) -> None:
        shares, countries = self.country_shares, self.wish.countries
        if not shares:
            return
        if unknown := sorted(set(shares) - set(countries)):
            raise UsageError(f"--shares names {', '.join(unknown)}, but the market is {', '.join(countries)}.")
        if missing := sorted(set(countries) - set(shares)):
            raise UsageError(f"--shares must name every country; {', '.join(missing)} is missing.")
        if any(not share > 0.0 for share in shares.values()):
            raise UsageError("Each of --shares must be above 0; leave out a country in which nothing is spent.")
        total = sum(shares.values())
        object.__setattr__(self, "country_shares", {country: share / total for country, share in shares.items()})

    @property
    def spend_per_day_base(self) -> float:
        """Media spend a day."""
        return self.wish.money.a_day
