"""The market that a calibrated scenario is started from: another scenario's numbers, as a prior and marked as such."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import cast

from xbopt.calibration.scenario.draft import Draft, Plain, Source, scaled_money
from xbopt.core.defaults.channels import DEFAULT_CHANNELS
from xbopt.core.defaults.money_words import Money
from xbopt.core.defaults.wish import Wish
from xbopt.core.documents.document import Document
from xbopt.core.errors import UsageError
from xbopt.core.scenario.document import ScenarioDocument
from xbopt.core.scenario.loading import check_document, read_document
from xbopt.core.tables.reference_rates import reference_rate
from xbopt.studies.new_for.answers import Answers
from xbopt.studies.new_for.scenario import new_for

LEAST_DAYS = 7
_DROPPED = ("history", "plan", "shocks", "vital_signs", "places", "synergies")
"""What was done there, what went on there, and what names its own channels: nothing of it is this shop's."""


def started_from(like: str | Path, *, currency: str, day: date) -> Draft:
    """A draft with another scenario's numbers, in the currency wanted.

    What was measured there is an estimate here. Its plan, its history, its shocks and its limits are left out.

    Args:
        like: A file, or a shipped scenario's name.
        currency: Base currency of the new scenario.
        day: First day of the new scenario, for the rate between the currencies.

    Raises:
        ScenarioError: There is no such scenario.
        UsageError: No rate between the currencies is known.
    """
    document = read_document(like)
    model = check_document(Document(data=document.data, file=document.file))
    own = model.market.base_currency
    rate = 1.0 if own == currency else reference_rate(own, currency, day.year)
    if rate is None:
        raise UsageError(f"No rate of {own} against {currency} is known; name a --like scenario in {currency}.")
    return _draft(model, rate, name=model.name)


def started_from_facts(
    *,
    trade: str,
    origin: str,
    countries: Sequence[str],
    currency: str,
    day: date,
    days: int,
    spend_a_day: float,
    order_value: float,
    orders_a_month: float,
    gross_margin: float | None,
    channels: Sequence[str],
) -> Draft:
    """A draft from the tables of facts, as ``scenario new --for`` makes one for a seller of this size.

    Raises:
        TableError: The trade, a country or the origin is in no table of facts.
        UsageError: A figure is out of range.
    """
    money = Money(amount=spend_a_day, currency=currency, period_days=1.0)
    answers = Answers(
        wish=Wish(trade=trade, origin=origin, countries=tuple(countries), money=money),
        start=day,
        # The days tell which events of the tables are felt; those of a week do no harm in fewer days.
        days=max(days, LEAST_DAYS),
        order_value_base=order_value,
        orders_a_month=orders_a_month,
        gross_margin_frac=gross_margin,
        channels=tuple(channels) or DEFAULT_CHANNELS,
    )
    return _draft(new_for(answers, name="facts").scenario.document, 1.0, name="")


def _draft(model: ScenarioDocument, rate: float, *, name: str) -> Draft:
    """A draft of a document, its money times a rate; where a name is given, measured numbers are of another market."""
    plain = cast("Plain", model.model_dump(mode="json", exclude_unset=True))
    entries = cast("list[Plain]", plain.pop("provenance", []))
    plan = cast("Plain", plain.get("plan", {}))
    for part in _DROPPED:
        plain.pop(part, None)
    plain["budget"] = {"total_base": 1.0, "max_daily_multiple": model.budget.max_daily_multiple}
    cast("Plain", plain.get("uncertainty", {})).pop("draws", None)
    for part in ("custom_events", "regions"):
        cast("Plain", plain["calendar"]).pop(part, None)
    cast("Plain", plain["horizon"]).pop("after", None)
    cast("Plain", plain.get("tactics", {})).pop("menu", None)
    return Draft(
        data=plain if rate == 1.0 else cast("Plain", scaled_money(plain, rate)),
        taken_over=tuple(_elsewhere(entry, name) for entry in entries) if name else tuple(entries),
        unsourced=Source(evidence="E", source=f"Taken over from {name}" if name else "Assumption"),
        usual_mix=cast("dict[str, float]", plan.get("channels", {})),
    )


def _elsewhere(entry: Plain, name: str) -> Plain:
    """An entry as it reads in another market: measured or stated there is no measurement here."""
    note = str(entry.get("note", ""))
    start = f"Taken over from {name}"
    told = note if note.startswith(start) else f"{start}{f'. {note}' if note else ''}"
    mark = "E" if entry["evidence"] in ("M", "stated") else entry["evidence"]
    return {**entry, "evidence": mark, "note": told[:4000]}


def by_kind(model: Sequence[Plain], wanted: Sequence[str], kinds: Sequence[tuple[str, str]]) -> dict[str, Plain]:
    """For each name the item of a list to start it from: the one of the same id, else of the same kind, else the first.

    Args:
        model: The items.
        wanted: Names.
        kinds: Pairs of a word that a name may hold and the kind that it tells, the telling ones first.
    """

    def kind(*texts: str) -> str:
        words = " ".join(texts).lower()
        return next((told for word, told in kinds if word in words), "")

    found: dict[str, Plain] = {}
    for name in wanted:
        same = [item for item in model if str(item["id"]).lower() == name.lower()]
        mine = kind(name)
        alike = [item for item in model if mine and kind(str(item["id"]), str(item.get("name", ""))) == mine]
        found[name] = (same or alike or list(model))[0]
    return found
