"""The account that a platform bills: its currency, its clock, and what its money is worth."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from xbopt.core.errors import UsageError
from xbopt.core.scenario.scenario import Scenario

_MOST_DIGITS = 2
"""Budgets have two decimals at most on every platform, also where a currency has three."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account.

    Attributes:
        currency: ISO code.
        base_per_unit: Base currency for one unit of it.
        timezone: IANA name of the zone that its days and schedules are in; empty where nobody said.
        whole_units: Whether budgets have no decimals in this currency.
    """

    currency: str
    base_per_unit: float
    timezone: str = ""
    whole_units: bool = False

    @property
    def digits(self) -> int:
        """Decimals of a budget."""
        from babel.numbers import get_currency_precision

        return 0 if self.whole_units else min(get_currency_precision(self.currency), _MOST_DIGITS)

    @property
    def zone(self) -> ZoneInfo:
        """Its zone.

        Raises:
            UsageError: Nobody said, or there is none of that name.
        """
        try:
            return ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise UsageError(f"{self.timezone!r} is no time zone; write a name such as Europe/Berlin.") from None


def account_of(
    scenario: Scenario,
    *,
    currency: str = "",
    base_per_unit: float | None = None,
    timezone: str = "",
    told: Iterable[str] = (),
) -> Account:
    """An account from what is known of it.

    Args:
        scenario: Its currencies have first-day rates.
        currency: As the user said; else as the export tells, else that of all regions together.
        base_per_unit: Today's rate; the scenario's where it is not given.
        timezone: Zone of the account's clock.
        told: Currencies that the export names.

    Raises:
        UsageError: The currency is open, another than the export's, or without a rate.
    """
    named = sorted(set(told))
    own = sorted({region.currency for region in scenario.document.market.regions})
    if len(named) > 1:
        raise UsageError(f"The export holds budgets in {', '.join(named)}. Export each account by itself.")
    if named and currency and named != [currency]:
        raise UsageError(f"The export's budgets are in {named[0]}, not in {currency}. Say {named[0]}, or export again.")
    if not currency and not named and len(own) > 1:
        raise UsageError(
            f"In which currency is the account kept? The plan's regions have {', '.join(own)}; say one with --currency."
        )
    chosen = currency or (named or own)[0]
    known, base = scenario.document.market.currencies, scenario.base_currency
    if base_per_unit is not None and not 0.0 < base_per_unit < math.inf:
        raise UsageError(f"--rate {base_per_unit:g} is no rate; say what one {chosen} costs in {base} today.")
    if base_per_unit not in (None, 1.0) and chosen == base:
        raise UsageError(
            f"The account is kept in {base}, the scenario's own currency, whose rate is 1. Leave --rate out, or say "
            "the account's currency with --currency."
        )
    rate = base_per_unit or (known[chosen].rate if chosen in known else None)
    if rate is None:
        raise UsageError(
            f"The scenario has no rate of {chosen}. Say with --rate what one {chosen} costs in {base} today."
        )
    return Account(currency=chosen, base_per_unit=rate, timezone=timezone)
