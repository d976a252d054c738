"""The value of a policy in a coming period, from a log in files."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta

from xbopt.core.errors import UsageError
from xbopt.core.tables.events import MAX_REACH_DAYS, events_between
from xbopt.ope.coming_period import evaluate_period
from xbopt.ope.logs.evaluation import LogEvaluation
from xbopt.ope.logs.log_policy import LogPolicy, load_rows
from xbopt.ope.reward_models.fitting import ModelName


def parse_period(text: str) -> tuple[date, date]:
    """First and last day of a text like 2026-12-01..2026-12-31.

    Raises:
        UsageError: The text is another one, or ends before it starts.
    """
    first, _, last = text.partition("..")
    try:
        days = date.fromisoformat(first.strip()), date.fromisoformat(last.strip())
    except ValueError:
        raise UsageError(f"--for is {text!r}; two days are wanted, as in 2026-12-01..2026-12-31.") from None
    if days[1] < days[0]:
        raise UsageError(f"--for is {text!r}, which ends before it starts.")
    return days


def with_period(
    evaluation: LogEvaluation,
    policy: LogPolicy,
    period: tuple[date, date],
    *,
    country: str | None = None,
    reward_model: ModelName | None = "linear",
    force: bool = False,
) -> LogEvaluation:
    """The evaluation for a coming period; needs all rows.

    Args:
        evaluation: The evaluation on the log as it is; what it refuses is refused here too.
        policy: Its policy.
        period: First and last day.
        country: Country whose retail events are told apart, as in DE; None for no events.
        reward_model: Name of the reward model; None for IPS and SNIPS alone.
        force: Show values even where the log cannot answer.

    Raises:
        UsageError: The log has no timestamps.
        TableError: The country is none, or its events are not known for these years.
    """
    rows, probabilities = load_rows(evaluation.log, policy, checked=True)
    if rows.decided is None:
        raise UsageError(
            f"{evaluation.log.path}: a value for a coming period needs to know when each decision was made: --columns "
            "timestamp=NAME."
        )
    days = rows.decided.astype("datetime64[D]")
    first, last = min(days.min().item(), period[0]), max(days.max().item(), period[1])
    result = evaluate_period(
        rows.data.with_actions(len(evaluation.action_labels)),
        probabilities,
        rows.decided,
        *period,
        events={} if country is None else events_by_day(country, first, last),
        confidence=evaluation.result.confidence,
        seed=evaluation.seed,
        reward_model=reward_model,
        force=force,
        base=evaluation.result,
    )
    told = f"Events of {country} make days unlike others." if country else "No events were told apart; see --events."
    return replace(evaluation, result=result, rules=(*evaluation.rules, told))


def events_by_day(country: str, first: date, last: date) -> Mapping[date, str]:
    """Name of the retail event of each day, with the days before and after it on which demand moves.

    Where several meet, a day bears all their names.

    Raises:
        TableError: The country is none, or its events are not known for these years.
    """
    reach = timedelta(days=MAX_REACH_DAYS)
    names: dict[date, list[str]] = {}
    for event in events_between(first - reach, last + reach, country):
        start, end = event.start - timedelta(days=event.lead_in_days), event.end + timedelta(days=event.dip_days)
        for number in range((end - start).days + 1):
            day = start + timedelta(days=number)
            phase = "before " if day < event.start else "after " if day > event.end else ""
            names.setdefault(day, []).append(phase + event.event_id)
    return {day: ", ".join(sorted(set(found))) for day, found in names.items()}
