"""The account that a platform bills: its currency, its clock, and what its money is worth."""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from xbopt.core.errors import UsageError
from xbopt.core.scenario.scenario import Scenario
from xbopt.core.tables.reference_rates import reference_rate, years_from_reference

_MOST_FROM_SCENARIO = 1.25
"""Campaigns begin soon after their scenario was written; few currencies move by a quarter meanwhile."""
_MOST_IN_A_YEAR = 2.0
"""Yearly means move by less from one year to the next; ``imports/plausible_rates.py`` says how that is known."""
_CODE = re.compile("[A-Z]{3}")
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
        return zone_named(self.timezone)


def zone_named(name: str) -> ZoneInfo:
    """A time zone by its name.

    Raises:
        UsageError: There is none of that name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(f"{name!r} is no time zone; write a name such as Europe/Berlin.") from None


def account_of(
    scenario: Scenario,
    *,
    currency: str = "",
    base_per_unit: float | None = None,
    timezone: str = "",
    told: Iterable[str] = (),
    rate_is_sure: bool = False,
) -> Account:
    """An account from what is known of it.

    Args:
        scenario: Its currencies have first-day rates.
        currency: As the user said; else as the export tells, else that of all regions together.
        base_per_unit: Today's rate; the scenario's where it is not given.
        timezone: Zone of the account's clock.
        told: Currencies that the export names.
        rate_is_sure: Believe a rate that is far from the one known.

    Raises:
        UsageError: The currency is open, another than the export's, or without a rate; or the rate is far from the one
            known.
    """
    named, currency = sorted(set(told)), currency.strip().upper()
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
    if not _CODE.fullmatch(chosen):
        raise UsageError(f"{chosen!r} is no currency; write its code of three letters, as EUR.")
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
    if base_per_unit is not None and not rate_is_sure:
        _check_rate(rate, chosen, scenario)
    return Account(currency=chosen, base_per_unit=rate, timezone=timezone)


def _check_rate(rate: float, currency: str, scenario: Scenario) -> None:
    """Compare a rate with the scenario's, else with the yearly mean that the program holds; else nothing is known.

    Raises:
        UsageError: It is far from that.
    """
    base, year = scenario.base_currency, scenario.start.year
    own = scenario.document.market.currencies.get(currency)
    known = reference_rate(currency, base, year) if own is None else own.rate
    if known is None:
        return
    most, whose = _MOST_FROM_SCENARIO, "the scenario's is"
    if own is None:
        years = max(years_from_reference(each, year) for each in (currency, base))
        most, whose = _MOST_IN_A_YEAR ** max(1, years), f"the mean known of {year} is about"

    def is_near(one: float) -> bool:
        return max(one / known, known / one) <= most

    if is_near(rate):
        return
    turned = f" It looks turned round: 1 / {rate:g} is {1.0 / rate:.4g}." if is_near(1.0 / rate) else ""
    raise UsageError(
        f"--rate {rate:g} says that one {currency} costs {rate:g} {base}; {whose} {known:.4g}."
        f"{turned} A wrong rate books more or less than was approved. Say what one {currency} costs in {base}; to "
        f"book with it all the same: --accept doubtful_rates."
    )
