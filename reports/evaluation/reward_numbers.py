"""Rewards as a reader writes them: money where the log names a currency, else numbers with the digits that matter."""

import math
from dataclasses import dataclass

from babel.numbers import list_currencies

from xbopt.ope.results.estimates import Estimate
from xbopt.reports.kit.numbers import NOTHING, NumberFormat

_MOST_DIGITS = 8
NO_CURRENCY = "X" * 3  # the ISO code for no currency


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardNumbers:
    """Writes rewards.

    Attributes:
        numbers: How other numbers are written.
        unit: Unit of the reward; empty if the log names none.
        digits: Decimals of rewards that are no money.
    """

    numbers: NumberFormat
    unit: str
    digits: int

    @classmethod
    def fitting(cls, errors: list[float], *, unit: str, locale: str, is_for_terminal: bool = False) -> "RewardNumbers":
        """With as many decimals as the smallest standard error needs for two digits."""
        known = [error for error in errors if math.isfinite(error) and error > 0.0]
        digits = 1 - math.floor(math.log10(min(known))) if known else 4
        currency = unit if unit in list_currencies() else NO_CURRENCY
        return cls(
            numbers=NumberFormat(locale=locale, currency=currency, is_for_terminal=is_for_terminal),
            unit=unit,
            digits=min(max(digits, 0), _MOST_DIGITS),
        )

    @property
    def is_money(self) -> bool:
        """Whether rewards are money."""
        return self.numbers.currency != NO_CURRENCY

    def reward(self, amount: float) -> str:
        """A reward."""
        if not math.isfinite(amount):
            return NOTHING
        if self.is_money:
            return self.numbers.money(amount)
        return self.numbers.decimal(amount, digits=self.digits)

    def signed(self, amount: float) -> str:
        """A difference of rewards, with its sign."""
        text = self.reward(amount)
        return f"+{text}" if amount > 0.0 and text != self.reward(0.0) else text

    def range(self, estimate: Estimate, *, signed: bool = False) -> str:
        """``low to high``."""
        write = self.signed if signed else self.reward
        return f"{write(estimate.low)} to {write(estimate.high)}"

    def percent(self, confidence: float) -> str:
        """The confidence of an interval, as in 95%."""
        return self.numbers.level(confidence)
