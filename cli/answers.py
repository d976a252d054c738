"""What a seller answers, by options or on being asked: ten numbers that he may know, each with the usual one."""

import math
import re
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, TypeVar

import typer

from xbopt.core.errors import TableError, UsageError

if TYPE_CHECKING:
    from xbopt.core.defaults.wish import Wish
    from xbopt.studies.new_for.answers import Answers

_QUESTIONS = {
    "--order-value": "Net value of an order, in {currency}",
    "--gross-margin": "Gross margin, as in 45%",
    "--orders-a-month": "Orders of an average month",
    "--conversion": "Orders a visit, as in 1.8%",
    "--repeat": "First buyers who order again within a year, as in 25%",
    "--return-rate": "Orders that come back, as in 8%",
    "--channels": "Channels",
    "--shares": "Share of spend by country, as in {shares}",
    "--start": "First day, as in {start}",
    "--days": "Number of days",
}
AnswerT = TypeVar("AnswerT")


def answers_of(wish: "Wish", told: dict[str, str | None], *, ask: bool) -> "Answers":
    """The answers of options, and of a person where there is one; what nobody answers is left to the facts.

    Raises:
        UsageError: An answer is not understood, or out of range.
    """
    from xbopt.core.defaults.channels import DEFAULT_CHANNELS
    from xbopt.studies.new_for.answers import Answers

    if ask:
        told = _asked(wish, told)
    given = {option: value.strip() for option, value in told.items() if value is not None and value.strip()}
    return Answers(
        wish=wish,
        start=_read(given, "--start", _day) or _next_month(),
        days=_read(given, "--days", _whole) or 90,
        channels=_read(given, "--channels", _channels) or wish.channels or DEFAULT_CHANNELS,
        order_value_base=_read(given, "--order-value", _number) if "--order-value" in given else wish.order_value,
        gross_margin_frac=_read(given, "--gross-margin", _share),
        orders_a_month=_read(given, "--orders-a-month", _number),
        conversion=_read(given, "--conversion", _share),
        repeat_frac=_read(given, "--repeat", _share),
        return_rate=_read(given, "--return-rate", _share),
        country_shares=_read(given, "--shares", _by_country) or {},
    )


def _asked(wish: "Wish", told: dict[str, str | None]) -> dict[str, str | None]:
    """Ask for what no option says; Enter leaves a number to the facts."""
    sys.stderr.write("Enter takes the usual for the trade.\n")
    words = {
        "currency": wish.money.currency,
        "shares": ",".join(f"{country}={100 // len(wish.countries)}" for country in wish.countries),
        "start": _next_month().isoformat(),
    }
    answers = dict(told)
    for option, question in _QUESTIONS.items():
        only_one = option == "--shares" and len(wish.countries) == 1
        is_said = (option == "--channels" and wish.channels) or (option == "--order-value" and wish.order_value)
        if told[option] is None and not (only_one or is_said):
            answers[option] = _answer(option, question.format(**words))
    return answers


def _answer(option: str, question: str) -> str:
    """Ask until the answer can be read."""
    while True:
        answer = str(typer.prompt(question, default="", show_default=False, err=True)).strip()
        try:
            if answer:
                _READERS[option](answer)
        except ValueError as error:
            sys.stderr.write(f"{answer}: {error}.\n")
        else:
            return answer


def _read(given: dict[str, str], option: str, reader: Callable[[str], AnswerT]) -> AnswerT | None:
    if option not in given:
        return None
    try:
        return reader(given[option])
    except ValueError as error:
        raise UsageError(f"{option} {given[option]}: {error}.") from None


def _number(text: str) -> float:
    try:
        number = float(text.replace(",", ""))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError("write a number, as in 1200 or 49.90")
    return number


def _whole(text: str) -> int:
    if not text.isdecimal():
        raise ValueError("write a whole number, as in 90")
    return int(text)


def _share(text: str) -> float:
    try:
        number = float(text.removesuffix("%"))
    except ValueError:
        raise ValueError("write a share, as in 45% or 0.45") from None
    if text.endswith("%"):
        return number / 100.0
    if number > 1.0:
        raise ValueError(f"{number:g} is more than all; write {number:g}% if that is meant")
    return number


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError("write a day, as in 2027-01-31") from None


def _channels(text: str) -> tuple[str, ...]:
    from xbopt.core.tables.market_names import channel_kinds, named

    try:
        return tuple(named(one, channel_kinds(), what="channel").id for one in re.split(r"\s*,\s*", text) if one)
    except TableError as error:
        raise ValueError(str(error).removesuffix(".")) from None


def _by_country(text: str) -> dict[str, float]:
    shares: dict[str, float] = {}
    for part in re.split(r"\s*,\s*", text):
        country, equals, share = part.partition("=")
        if not equals:
            raise ValueError("write countries and shares, as in DE=50,FR=30,US=20")
        code = country.strip().upper()
        if code in shares:
            raise ValueError(f"{code} stands there twice")
        shares[code] = _number(share.strip().removesuffix("%"))
    return shares


_READERS: dict[str, Callable[[str], object]] = {
    "--order-value": _number,
    "--gross-margin": _share,
    "--orders-a-month": _number,
    "--conversion": _share,
    "--repeat": _share,
    "--return-rate": _share,
    "--channels": _channels,
    "--shares": _by_country,
    "--start": _day,
    "--days": _whole,
}


def _next_month() -> date:
    today = datetime.now(tz=UTC).date()
    return date(today.year + today.month // 12, today.month % 12 + 1, 1)
