"""What was told of a campaign, in words and as JSON."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from xbopt.campaigns.books.record import CampaignRecord
from xbopt.campaigns.told_files import NewActuals
from xbopt.core.scenario.scenario import Scenario
from xbopt.reports.kit.numbers import NumberFormat

_NAMES: Mapping[str, str] = {"spend_base": "spend", "orders": "orders", "net_sales_base": "sales"}
_MONEY = ("spend_base", "net_sales_base")
_SHOWN = 10


def actuals_json(found: NewActuals, record: CampaignRecord) -> dict[str, object]:
    """What files told, and what of it was new."""
    scenario = record.scenario
    numbers = NumberFormat(locale="en", currency=scenario.base_currency)

    def dates(days: Sequence[int]) -> list[str]:
        return [str(scenario.date_of(day)) for day in days]

    return {
        "campaign": record.name,
        "event": None if found.event is None else record.number,
        "new": dates(found.new),
        "completed": dates(found.completed),
        "unchanged": dates(found.unchanged),
        "corrected": [
            {"date": str(scenario.date_of(one.day)), "before": dict(one.before), "now": dict(one.now)}
            for one in found.corrected
        ],
        "sources": list(found.sources),
        "replaced": [
            {"source": one.source, "days": one.days, "before": dict(one.before), "now": dict(one.now)}
            for one in found.replaced
        ],
        "warnings": list(_replaced_sentences(found, record, numbers)),
        "missing": dates(record.missing_days),
        "known_days": len(record.days),
        "spent": record.ledger.known_spend_base,
        "untold": untold_base(record),
        "unusable": {str(scenario.date_of(day)): list(names) for day, names in record.known.unusable.items()},
        "left": float(record.ledger.before(scenario.days).budget_base[0]),
        "currency": scenario.base_currency,
        "notes": [{"code": note.code, "what": note.what, "count": note.count} for note in found.notes],
    }


def actuals_sentences(found: NewActuals, record: CampaignRecord, numbers: NumberFormat) -> Iterator[str]:
    """The same in sentences."""
    scenario = record.scenario
    if found.event is None:
        yield f"Nothing of this is new: {spans(found.unchanged, scenario)} were told so before."
        return
    for days, what in (
        (found.new, "new"),
        (found.completed, "known in more detail"),
        (found.unchanged, "told so before and left as they were"),
    ):
        if days:
            yield f"{_days(len(days))} {what}: {spans(days, scenario)}."
    for one in found.corrected[:_SHOWN]:
        changes = ", ".join(_changes(one.before, one.now, numbers))
        yield f"{scenario.date_of(one.day)} is corrected: {changes or 'another split'}."
    if len(found.corrected) > _SHOWN:
        yield f"{_days(len(found.corrected) - _SHOWN)} more corrected; --json lists all."
    yield from _replaced_sentences(found, record, numbers)
    spent = record.ledger.known_spend_base
    yield (
        f"{record.name} knows {_days(len([day for day in record.days if day >= 0]))} of {scenario.days}; "
        f"{numbers.money(spent)} of {numbers.money(scenario.limits.total_base)} are spent."
    )
    granted = untold_base(record)
    if granted >= 0.005:
        yield f"Of days that are told in part, {numbers.money(granted)} were granted whose spend nobody told."
    for day, names in record.known.unusable.items():
        what = ", ".join(_NAMES.get(name, name) for name in names)
        yield (
            f"{scenario.date_of(day)} was told with what cannot be ({what}); that counts as not told. Tell the day "
            "again from a corrected file."
        )
    if record.missing_days:
        yield f"Nothing is known of {spans(record.missing_days, scenario)}; the plan stands in for it."


def _replaced_sentences(found: NewActuals, record: CampaignRecord, numbers: NumberFormat) -> Iterator[str]:
    """Whose figures took the place of what they told before, and what to do where they should not have."""
    if not found.replaced:
        return
    what = "; ".join(
        f"{one.source} ({_days(one.days)}: {', '.join(_changes(one.before, one.now, numbers)) or 'another split'})"
        for one in found.replaced
    )
    yield (
        f"These took the place of what they told before: {what}. Where the files hold some campaigns of an account "
        "each, tell all files of the account in one call: their campaigns add up. If one is another account or shop, "
        f"withdraw this (xbopt campaign withdraw {record.name} {record.number}) and what it took the place of, and "
        "tell both again, each with --account."
    )


def _changes(before: Mapping[str, float], now: Mapping[str, float], numbers: NumberFormat) -> Iterator[str]:
    for name, called in _NAMES.items():
        written = numbers.money if name in _MONEY else numbers.count
        if name in before and name in now and before[name] != now[name]:
            yield f"{called} {written(before[name])} is {written(now[name])} now"


def told_rows(record: CampaignRecord) -> list[dict[str, object]]:
    """What events told and still counts: number of the event, source, days."""
    found: list[dict[str, object]] = []
    for number, days in record.known.events.items():
        for source in sorted({one.source for one in days}):
            own = [one.day for one in days if one.source == source and one.day >= 0]
            found.append({"event": number, "source": source or "whole days", "days": spans(own, record.scenario)})
    return found


def withdrawn_sentence(before: CampaignRecord, after: CampaignRecord, event: int) -> str:
    """What an event that was withdrawn leaves of its days: what was granted, or what others told."""
    was, now = before.ledger.is_spent, after.ledger.is_spent
    days = [day for day in range(after.scenario.days) if (was[day] & ~now[day]).any()]
    said = f"Event {event} does not count any more"
    if days:
        return f"{said}; what was granted for {spans(days, after.scenario)} counts again where nobody else told it."
    return f"{said}; of the spend of its days, what others told counts."


def spans(days: Sequence[int], scenario: Scenario) -> str:
    """Days as spans of dates."""
    found: list[str] = []
    for _, run in groupby(enumerate(sorted(days)), key=lambda pair: pair[1] - pair[0]):
        part = [day for _, day in run]
        first, last = scenario.date_of(part[0]), scenario.date_of(part[-1])
        found.append(f"{first}" if first == last else f"{first} to {last}")
    return ", ".join(found)


def untold_base(record: CampaignRecord) -> float:
    """What was granted on days that are told in part, in cells whose spend nobody told; base currency."""
    ledger = record.ledger
    return float(ledger.counted_base[ledger.has_spent][~ledger.is_spent[ledger.has_spent]].sum())


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"
