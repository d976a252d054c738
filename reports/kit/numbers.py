"""Numbers as a reader of some locale writes them."""

import math
import re
from dataclasses import dataclass
from datetime import date

from babel import Locale
from babel.core import UnknownLocaleError
from babel.dates import format_date, format_skeleton
from babel.numbers import (
    format_compact_currency,
    format_compact_decimal,
    format_currency,
    format_decimal,
    format_percent,
    get_decimal_symbol,
    get_group_symbol,
)

from xbopt.core.errors import UsageError
from xbopt.reports.kit.figures import Unit, Value
from xbopt.studies.kpis import Estimate

NOTHING = "\N{EN DASH}"
"""Stands for a figure that has no meaning."""
_MINUS = "\N{MINUS SIGN}"
_JOINER = "\N{WORD JOINER}"
_COMPACT_FROM = 10_000.0
_CENTS_BELOW = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberFormat:
    """Writes numbers for one locale and one currency.

    Attributes:
        locale: As in ``en``, ``de`` or ``en_GB``.
        currency: ISO code of the currency of all money.
    """

    locale: str
    currency: str

    def __post_init__(self) -> None:
        """Check the locale.

        Raises:
            UsageError: There is no such locale.
        """
        try:
            Locale.parse(self.locale)
        except (UnknownLocaleError, ValueError):
            raise UsageError(
                f"There is no locale {self.locale!r}; write a language, or a language and a country, as in en or de_AT."
            ) from None

    def money(self, amount: float, *, cents: bool = False) -> str:
        """An amount in full, to whole units; with cents where it is small and cents are asked for."""
        if not math.isfinite(amount):
            return NOTHING
        pattern = Locale.parse(self.locale).currency_formats["standard"].pattern
        if not (cents and abs(amount) < _CENTS_BELOW):
            pattern = pattern.replace(".00", "")
            amount = float(round(amount))
        return _signed(
            format_currency(_no_minus_zero(amount), self.currency, pattern, locale=self.locale, currency_digits=False)
        )

    def short_money(self, amount: float) -> str:
        """An amount to three significant digits, shortened where it is large, as in EUR 18.2K."""
        if not self._shortens(amount):
            return self.money(_three_digits(amount) if abs(amount) >= _COMPACT_FROM else amount)
        return _signed(
            format_compact_currency(
                _three_digits(amount), self.currency, locale=self.locale, fraction_digits=_compact_digits(amount)
            )
        )

    def share(self, fraction: float, *, digits: int | None = None) -> str:
        """A fraction as a percentage; small ones with more digits."""
        if not math.isfinite(fraction):
            return NOTHING
        if digits is None:
            percent = abs(fraction) * 100.0
            digits = 0 if percent >= 99.95 or percent < 0.005 else 1 if percent >= 1.0 else 2
        shown = _no_minus_zero(round(fraction, digits + 2))
        return _signed(format_percent(shown, "#,##0." + "0" * digits + "%", self.locale, decimal_quantization=True))

    def decimal(self, number: float, *, digits: int = 2) -> str:
        """A plain number with a fixed count of decimals."""
        if not math.isfinite(number):
            return NOTHING
        pattern = "#,##0." + "0" * digits if digits else "#,##0"
        return _signed(format_decimal(_no_minus_zero(round(number, digits)), pattern, self.locale))

    def count(self, number: float) -> str:
        """A count; fractions of a thing are shown only below ten."""
        if not math.isfinite(number):
            return NOTHING
        whole = abs(number) >= 10.0 or number == round(number)
        return self.decimal(number, digits=0 if whole else 1)

    def exact(self, number: float) -> str:
        """A number with all the digits that matter, as a scenario states it."""
        if not math.isfinite(number):
            return NOTHING
        return _signed(format_decimal(_no_minus_zero(float(f"{number:.6g}")), "#,##0.##########", self.locale))

    def short_count(self, number: float) -> str:
        """A count to three significant digits, shortened where it is large."""
        if not self._shortens(number):
            return self.count(_three_digits(number) if abs(number) >= _COMPACT_FROM else number)
        return _signed(
            format_compact_decimal(_three_digits(number), locale=self.locale, fraction_digits=_compact_digits(number))
        )

    def day(self, day: date) -> str:
        """A calendar day."""
        return format_date(day, "medium", self.locale)

    def short_day(self, day: date) -> str:
        """A calendar day without its year."""
        return format_skeleton("MMMd", day, locale=self.locale)

    def number(self, number: float, unit: Unit, *, short: bool = False) -> str:
        """A number of some unit."""
        if unit == "money":
            return self.short_money(number) if short else self.money(number)
        if unit == "unit_money":
            return self.money(number, cents=True)
        if unit == "share":
            return self.share(number, digits=0 if short and self._is_round(number) else None)
        if unit == "count":
            return self.short_count(number) if short else self.count(number)
        return self.decimal(number)

    def _shortens(self, number: float) -> bool:
        """Whether the number is large and the locale has a short form of it; German has none below a million."""
        if not math.isfinite(number) or abs(number) < _COMPACT_FROM:
            return False
        return any(sign.isalpha() for sign in format_compact_decimal(number, locale=self.locale))

    @staticmethod
    def _is_round(fraction: float) -> bool:
        return abs(round(fraction, 2) - fraction) < 1e-9

    def value(self, value: Value, unit: Unit) -> str:
        """Any cell of a table; of an estimate its mean."""
        if value is None:
            return NOTHING
        if isinstance(value, str):
            return value
        if isinstance(value, date):
            return self.day(value)
        return self.number(value.mean if isinstance(value, Estimate) else value, unit)

    def range(self, estimate: Estimate, unit: Unit, *, short: bool = False) -> str:
        """``low to high``; empty where the figure is the same in all worlds, or has no meaning."""
        if not has_range(estimate):
            return ""
        low, high = (self.number(bound, unit, short=short) for bound in (estimate.low, estimate.high))
        return f"{low} to {high}"

    def chart_locale(self) -> dict[str, object]:
        """Decimal sign, grouping and currency marks for the axes of charts."""
        sample = format_currency(1, self.currency, locale=self.locale, currency_digits=False)
        before, _, after = sample.partition("1")
        return {
            "decimal": get_decimal_symbol(self.locale),
            "thousands": get_group_symbol(self.locale),
            "grouping": [3],
            "currency": [before, after.lstrip(get_decimal_symbol(self.locale) + "0")],
        }


def glued(text: str) -> str:
    """The text with joints that no line may break at: between a minus sign and its figure, and after ``5-95%:``."""
    text = re.sub(f"{_MINUS}(?=\\S)", f"{_MINUS}{_JOINER}", text)
    text = re.sub("(?<=[0-9])\N{EN DASH}(?=[0-9])", f"{_JOINER}\N{EN DASH}{_JOINER}", text)
    return text.replace("95%: ", "95%:\N{NO-BREAK SPACE}")


def has_range(estimate: Estimate) -> bool:
    """Whether the figure differs between worlds by more than rounding."""
    width = estimate.high - estimate.low
    return bool(width > 1e-9 * max(abs(estimate.mean), 1e-12))


def _three_digits(number: float) -> float:
    return float(f"{number:.3g}")


def _compact_digits(number: float) -> int:
    magnitude = math.floor(math.log10(abs(_three_digits(number))))
    return 2 - magnitude % 3


def _no_minus_zero(number: float) -> float:
    return 0.0 if number == 0.0 else number


def _signed(text: str) -> str:
    return text.replace("-", _MINUS)
