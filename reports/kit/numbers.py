"""The one writer of numbers: every figure reads the same on a page, in a workbook and in the terminal.

How many decimals a figure has follows from what it is and how large it is, see ``_DECIMALS``.
"""

import math
import re
from collections.abc import Mapping
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
    get_currency_precision,
    get_decimal_symbol,
    get_group_symbol,
)

from xbopt.core.errors import UsageError
from xbopt.reports.kit.figures import Value
from xbopt.studies.kpis import WorldRange
from xbopt.studies.labels import Unit

NOTHING = "\N{EN DASH}"
"""Stands for a figure that has no meaning."""
_MINUS = "\N{MINUS SIGN}"
_JOINER = "\N{WORD JOINER}"
_COMPACT_FROM = 10_000.0

_DECIMALS: Mapping[Unit, tuple[tuple[float, int], ...]] = {
    "money": ((100.0, 0), (0.0, 2)),
    "price": ((0.0, 2),),
    "count": ((100.0, 0), (10.0, 1), (0.0, 2)),
    "share": ((10.0, 1), (0.0, 2)),
    "ratio": ((0.1, 2), (0.0, 3)),
    "score": ((0.0, 3),),
}
"""From which size on (of a share: in per cent) a figure has how many decimals. A shop with 2.4 orders a day is not one
with 2, and a conversion rate of 3.14 % not one of 3.1 %."""
_WHOLE_STAYS_WHOLE: frozenset[Unit] = frozenset({"money", "count", "share"})


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberFormat:
    """Writes numbers for one locale and one currency.

    Attributes:
        locale: As in ``en``, ``de`` or ``en_GB``.
        currency: ISO code of the currency of all money.
        is_for_terminal: Whether minus signs are hyphens, which a terminal of any encoding shows.
    """

    locale: str
    currency: str
    is_for_terminal: bool = False

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

    def decimals(self, number: float, unit: Unit) -> int:
        """How many decimals a figure is written with."""
        size = abs(number) * 100.0 if unit == "share" else abs(number)
        if unit not in _DECIMALS or not math.isfinite(size):
            return 0
        most = get_currency_precision(self.currency) if unit in ("money", "price") else 9  # a yen has no cents
        steps = [(start, min(count, most)) for start, count in _DECIMALS[unit]]
        count = next(count for start, count in steps if round(size, count) >= start)
        if round(size, count) == 0.0:
            size, count = 0.0, steps[0][1]
        is_whole = abs(size - round(size)) <= 1e-9 * max(size, 1.0)
        return 0 if is_whole and unit in _WHOLE_STAYS_WHOLE else count

    def number(self, number: float, unit: Unit, *, symbol: bool = True) -> str:
        """A figure in full.

        Args:
            number: The figure; a dash stands for one that has no meaning.
            unit: What it is.
            symbol: Whether money carries the sign of its currency; not in a table that names it once.
        """
        if not math.isfinite(number):
            return "-" if self.is_for_terminal else NOTHING
        if unit in ("number", "date", "text"):
            return self.exact(number)
        count = self.decimals(number, unit)
        if unit == "share":
            shown = _no_minus_zero(round(number, count + 2))
            pattern = "#,##0." + "0" * count + "%"
            return self._signs(format_percent(shown, pattern, self.locale, decimal_quantization=True))
        if unit in ("money", "price") and symbol:
            pattern = Locale.parse(self.locale).currency_formats["standard"].pattern
            pattern = pattern.replace(".00", "." + "0" * count if count else "")
            shown = _no_minus_zero(round(number, count))
            return self._signs(
                format_currency(shown, self.currency, pattern, locale=self.locale, currency_digits=False)
            )
        return self.decimal(number, digits=count)

    def money(self, amount: float) -> str:
        """An amount of money."""
        return self.number(amount, "money")

    def share(self, fraction: float) -> str:
        """A fraction as a percentage."""
        return self.number(fraction, "share")

    def count(self, number: float) -> str:
        """A number of things."""
        return self.number(number, "count")

    def level(self, confidence: float) -> str:
        """A confidence level as it was asked for, with all its digits, as in 97.5%."""
        return self._signs(format_percent(confidence, "#,##0.######%", self.locale, decimal_quantization=False))

    def signed(self, number: float, unit: Unit, *, short: bool = False, symbol: bool = True) -> str:
        """A difference with its sign; one that rounds to zero has none."""
        write = self.short if short else self.number
        text, zero = (write(x, unit, symbol=symbol) for x in (number, 0.0))
        return f"+{text}" if number > 0.0 and text != zero else text

    def short(self, number: float, unit: Unit, *, symbol: bool = True) -> str:
        """A figure inside a chart, whose table has it in full: large ones to three digits, as in €18.2K."""
        digits = _three_digits(number) if abs(number) >= _COMPACT_FROM else number
        if unit not in ("money", "count") or not self._shortens(number):
            return self.number(digits if unit in ("money", "count") else number, unit, symbol=symbol)
        count = _compact_digits(number)
        if unit == "money" and symbol:
            text = format_compact_currency(digits, self.currency, locale=self.locale, fraction_digits=count)
        else:
            text = format_compact_decimal(digits, locale=self.locale, fraction_digits=count)
        return self._signs(text)

    def decimal(self, number: float, *, digits: int = 2) -> str:
        """A plain number with a fixed count of decimals."""
        if not math.isfinite(number):
            return NOTHING
        pattern = "#,##0." + "0" * digits if digits else "#,##0"
        return self._signs(format_decimal(_no_minus_zero(round(number, digits)), pattern, self.locale))

    def exact(self, number: float) -> str:
        """A number with all the digits that matter, as a scenario states it."""
        if not math.isfinite(number):
            return NOTHING
        return self._signs(format_decimal(_no_minus_zero(float(f"{number:.6g}")), "#,##0.##########", self.locale))

    def day(self, day: date) -> str:
        """A calendar day."""
        return format_date(day, "medium", self.locale)

    def short_day(self, day: date) -> str:
        """A calendar day without its year."""
        return format_skeleton("MMMd", day, locale=self.locale)

    def value(self, value: Value, unit: Unit, *, symbol: bool = True) -> str:
        """Any cell of a table; of a range over worlds its mean."""
        if value is None:
            return self.number(math.nan, unit)
        if isinstance(value, str):
            return value
        if isinstance(value, date):
            return self.day(value)
        return self.number(value.mean if isinstance(value, WorldRange) else value, unit, symbol=symbol)

    def range(self, figure: WorldRange, unit: Unit, *, symbol: bool = True) -> str:
        """``low to high``; empty where the figure is the same in all worlds, or has no meaning."""
        if not has_range(figure):
            return ""
        low, high = (self.number(bound, unit, symbol=symbol) for bound in (figure.low, figure.high))
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

    def _shortens(self, number: float) -> bool:
        """Whether the number is large and the locale has a short form of it; German has none below a million."""
        if not math.isfinite(number) or abs(number) < _COMPACT_FROM:
            return False
        return any(sign.isalpha() for sign in format_compact_decimal(number, locale=self.locale))

    def _signs(self, text: str) -> str:
        return text if self.is_for_terminal else text.replace("-", _MINUS)


def glued(text: str) -> str:
    """The text with joints that no line may break at: between a minus sign and its figure, and after ``5-95%:``."""
    text = re.sub(f"{_MINUS}(?=\\S)", f"{_MINUS}{_JOINER}", text)
    text = re.sub("(?<=[0-9])\N{EN DASH}(?=[0-9])", f"{_JOINER}\N{EN DASH}{_JOINER}", text)
    return text.replace("95%: ", "95%:\N{NO-BREAK SPACE}")


def has_range(figure: WorldRange) -> bool:
    """Whether the figure differs between worlds by more than rounding."""
    width = figure.high - figure.low
    return bool(width > 1e-9 * max(abs(figure.mean), 1e-12))


def _three_digits(number: float) -> float:
    return float(f"{number:.3g}")


def _compact_digits(number: float) -> int:
    magnitude = math.floor(math.log10(abs(_three_digits(number))))
    return 2 - magnitude % 3


def _no_minus_zero(number: float) -> float:
    return 0.0 if number == 0.0 else number
