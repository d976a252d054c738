"""What a campaign says, in sentences: for the terminal, the pages and the documents."""

from collections.abc import Callable, Iterator, Mapping

from xbopt.campaigns.advice.alarm import AdviceCode, Alarm, AlarmCode
from xbopt.campaigns.advice.drift import LEAST_COUNTED, LEAST_DAYS, SPANS, Drift
from xbopt.campaigns.advice.gain import Gain
from xbopt.campaigns.advice.moves import Move, Reason, ReasonCode
from xbopt.campaigns.advice.pace import LEAST_DAYS as LEAST_PACE_DAYS
from xbopt.campaigns.advice.pace import RECENT_DAYS
from xbopt.campaigns.advice.proposal import ProposalFigures
from xbopt.campaigns.advice.status import Status
from xbopt.core.scenario.scenario import Scenario
from xbopt.reports.kit.numbers import NumberFormat
from xbopt.studies.kpis import WorldRange

_CENT = 0.005
_WIDE = 1.96
_SEEN = 0.01
"""An error of the mean of this part of it is told."""

ORGANIC = "organic"
_FIGURES: Mapping[str, str] = {
    "": "anything",
    "pace": "pace",
    "spend_base": "spend",
    "clicks": "clicks",
    "impressions": "impressions",
    "visits": "visits",
    "orders": "orders",
    "order_value": "sales an order",
    "sales_base": "sales",
    "gross_revenue_base": "sales",
    "net_sales_base": "sales",
    "net_revenue_base": "sales",
}
_ADVICE: Mapping[AdviceCode, str] = {
    "lower_budgets": "lower the budgets at the platform, and propose anew",
    "book_again": "the sheets that xbopt campaign book writes next hold the lower budgets",
    "check_delivery": "look whether its ads are paused, disapproved or without a payment card",
    "check_currency": "look at the currency and the columns of the last files",
    "raise_bids": "raise bids or widen audiences, or propose anew so that the money goes elsewhere",
    "propose": "xbopt campaign propose plans the rest anew",
    "carry_on": "carry on; planning anew brings no more",
    "order_stock": "order stock, or stop media there before it is gone",
    "tell_missing": "xbopt campaign actuals with the missing files, or --off where nothing happened",
    "tell_actuals": "xbopt campaign actuals with the exports of the days since",
    "stop_sheets": "lower or stop them at the platform by hand; nothing else ends them",
    "correct_file": "correct the file and tell the day again; until then it counts as not told",
    "approve": "xbopt campaign approve, or propose anew",
}


class CampaignWords:
    """Writes sentences of one campaign.

    Args:
        scenario: The campaign's.
        numbers: How numbers are written.
    """

    def __init__(self, scenario: Scenario, numbers: NumberFormat) -> None:
        self._scenario, self.numbers = scenario, numbers

    def day(self, day: float) -> str:
        """A day of the horizon as a date."""
        return self.numbers.day(self._scenario.date_of(int(day)))

    def place(self, region: str | None, channel: str | None) -> str:
        """Where something is: a channel in a region, one of both, or everywhere."""
        source = "organic visits" if channel == ORGANIC else channel
        return f"{source} in {region}" if source and region else source or region or "the whole campaign"

    def alarm(self, alarm: Alarm) -> str:
        """An alarm: what it is, what to do, and what that is worth."""
        what, advice = _ALARMS[alarm.code](self, alarm), _ADVICE[alarm.advice]
        worth = "" if alarm.worth_base is None else f" (worth {self.numbers.money(alarm.worth_base)})"
        return f"{what[0].upper()}{what[1:]}: {advice}{worth}."

    def gain(self, gain: Gain, what: str) -> str:
        """What is gained, with its range, and whether that is clear."""
        money = self.numbers
        size = money.signed(gain.mean, "money")
        between = f"{money.signed(gain.low, 'money')} to {money.signed(gain.high, 'money')} in nine of ten worlds"
        clear = "" if gain.is_clear else "; not clear, for the range holds 0"
        return f"{what} {size} ({between}; better in {money.share(gain.better)} of them{clear})"

    def reason(self, reason: Reason) -> str:
        """A figure that speaks for a move."""
        return _REASONS[reason.code](self, reason)

    def move(self, move: Move) -> str:
        """Money that moves, and why."""
        money = self.numbers
        why = ", ".join(self.reason(reason) for reason in move.reasons)
        return (
            f"{self.place(move.region, move.channel)}: {money.signed(move.difference_base, 'money')} "
            f"({money.money(move.planned_base)} planned, {money.money(move.proposed_base)} proposed)"
            f"{f'; {why}' if why else ''}"
        )

    def drift(self, drift: Drift) -> str:
        """A change against the model."""
        ratio = self.numbers.decimal(drift.ratio)
        within = f"{self.numbers.decimal(drift.low)} to {self.numbers.decimal(drift.high)}"
        what = f"{_FIGURES[drift.measure]} of {self.place(drift.region, drift.source)}"
        return f"{what}, last {drift.days} days: {ratio} ({within})"

    def known(self, status: Status) -> str:
        """How far a campaign is known, and where it stands by the calendar."""
        known = f"known up to {self.day(status.today - 1)}" if status.today else "nothing known yet"
        if status.this_day is None:
            return f"{known} ({status.today} of {status.days} days)"
        if status.this_day < 0:
            return f"{known} (begins on {self.day(0)})"
        if status.this_day >= status.days:
            return f"{known} (ended on {self.day(status.days - 1)})"
        return f"{known} (today is day {status.this_day + 1} of {status.days})"

    def _sampling(self, figure: WorldRange) -> str:
        """How far a mean over worlds may lie off because they are so few; nothing where that is not to be seen."""
        off = _WIDE * figure.se
        return f"; its mean is known to ± {self.numbers.money(off)}" if off > _SEEN * abs(figure.mean) else ""

    def status(self, status: Status) -> Iterator[str]:
        """Where a campaign stands: its money, what is ahead of it, then its alarms."""
        numbers, money = self.numbers, status.money
        rest = f"{numbers.money(money.ahead_base)} committed for the days ahead, {numbers.money(money.free_base)} free"
        if money.wanted_base >= _CENT:
            rest += f" ({numbers.money(money.wanted_base)} of it kept for the proposal that waits)"
        if status.closed is not None:
            rest = f"{numbers.money(money.free_base)} left over" if status.today else "as far as anybody told"
        yield (
            f"{status.campaign}, {self.known(status)}: {numbers.money(money.spent_base)} of "
            f"{numbers.money(money.budget_base)} spent, {rest}."
        )
        if status.closed is not None:
            yield f"It is closed: {status.closed}."
        if money.untold_base >= 0.005:
            yield (
                f"Of the days that are over, {numbers.money(money.untold_base)} were granted to channels and regions "
                "whose spend nobody told."
            )
        if status.outlook is not None:
            margin, orders = status.outlook.margin_base, status.outlook.orders
            yield (
                f"Carried on as planned, the rest brings {numbers.money(margin.mean)} contribution margin "
                f"({numbers.range(margin, 'money')}{self._sampling(margin)}) and {numbers.count(orders.mean)} orders "
                f"({numbers.range(orders, 'count')})."
            )
        if status.unwatched:
            yield (
                f"Too little was told so far to raise an alarm of "
                f"{', '.join(_FIGURES[what] for what in status.unwatched)}: "
                f"pace takes {LEAST_PACE_DAYS} told days, a change of results {LEAST_DAYS} with "
                f"{numbers.count(LEAST_COUNTED)} expected in the last {SPANS[0]}."
            )
        for alarm in status.alarms:
            yield self.alarm(alarm)
        if not status.alarms:
            yield "No alarm."

    def proposal(self, name: str, figures: ProposalFigures) -> Iterator[str]:
        """What is proposed, what it brings, and what it moves."""
        numbers = self.numbers
        first, last = self.day(figures.first_day), self.day(figures.end_day - 1)
        span = first if figures.end_day - figures.first_day == 1 else f"{first} to {last}"
        amount = f"{numbers.money(figures.proposed_base)} ({numbers.money(figures.planned_base)} as planned)"
        how = {
            "replanned": f"{name} plans {span} anew",
            "decided": f"{name}: {figures.policy} decides {span}",
            "carry_on": f"{name} carries on as planned on {span}",
        }[figures.kind]
        known = (
            "nothing is known yet" if not figures.knows_until else f"known up to {self.day(figures.knows_until - 1)}"
        )
        yield f"{how}: {amount}; {known}."
        if figures.kind == "carry_on":
            yield f"{self.gain(figures.gains.reward, 'What was found instead brings')}, so it is not proposed."
        else:
            yield f"{self.gain(figures.gains.reward, 'Over carrying on it brings')}, to the end of the campaign."
            yield f"{self.gain(figures.gains.margin, 'Of that, contribution margin')}."
        if figures.kind != "decided" and not figures.anew:
            yield (
                "Money was moved around the campaign's own plan: deals and hours stay, and what has no money there "
                "gets none. --anew plans the market from nothing."
            )
        for reason in figures.reasons:
            text = self.reason(reason)
            yield f"{text[0].upper()}{text[1:]}."
        cut = figures.cut
        if cut.cut_base >= 0.005 or cut.raised_base >= 0.005:
            yield (
                f"Limits took {numbers.money(cut.cut_base)} off and added {numbers.money(cut.raised_base)} for "
                "minimums and locks."
            )
        if cut.unmet_base >= 0.005:
            yield f"{numbers.money(cut.unmet_base)} of minimums and locks could not be paid from what is left."
        if figures.unbookable is not None:
            low = figures.unbookable
            yield (
                f"{low.cells} channels in regions on some day get less than the {numbers.money(low.least_base)} that "
                f"can be booked, {numbers.money(low.money_base)} in all."
            )


def _of(words: CampaignWords, alarm: Alarm) -> str:
    return words.place(alarm.region, alarm.channel)


def _money(words: CampaignWords, amount: float) -> str:
    return words.numbers.money(amount)


def _share(words: CampaignWords, amount: float) -> str:
    return words.numbers.share(amount)


def _decimal(words: CampaignWords, amount: float | None) -> str:
    return words.numbers.decimal(float("nan") if amount is None else amount)


def _measured(words: CampaignWords, a: Alarm) -> str:
    return f"{_FIGURES[a.measure]} of {_of(words, a)}" if a.region or a.channel else _FIGURES[a.measure]


def _paced(words: CampaignWords, a: Alarm) -> str:
    spent, planned = _money(words, a.figures["spent_base"]), _money(words, a.figures["planned_base"])
    pace = _share(words, a.figures["pace"])
    return (
        f"{_of(words, a)} spends {pace} of what it is granted, on the last {RECENT_DAYS} told days; since it began "
        f"{spent} of {planned}"
    )


def _moved(words: CampaignWords, a: Alarm, how: str) -> str:
    ratio, low, high = (_decimal(words, a.figures[name]) for name in ("ratio", "low", "high"))
    days = int(a.figures["days"])
    return (
        f"{_measured(words, a)} {how} to {ratio} of what they were against the model ({low} to {high}) in the last "
        f"{days} days"
    )


_ALARMS: Mapping[AlarmCode, Callable[[CampaignWords, Alarm], str]] = {
    "overspent": lambda w, a: (
        f"{_of(w, a)} counts {_money(w, a.figures['counted_base'])} for the days that are over, "
        f"{_money(w, a.figures['over_base'])} more than the {_money(w, a.figures['limit_base'])} it may"
    ),
    "days_ahead_cut": lambda w, a: (
        f"{_of(w, a)} has {_money(w, a.figures['ahead_base'])} committed for the days ahead, "
        f"{_money(w, a.figures['cut_base'])} more than is left of {_money(w, a.figures['limit_base'])}, and they are "
        "cut by so much"
    ),
    "runs_out": lambda w, a: (
        f"{_of(w, a)} spends {_share(w, a.figures['pace'])} of what it was granted; at this pace its money is gone on "
        f"{w.day(a.figures['day'])}"
    ),
    "spends_nothing": lambda w, a: (
        f"{_of(w, a)} has spent nothing since {w.day(a.figures['since_day'])} of "
        f"{_money(w, a.figures['granted_base'])} that it was granted"
    ),
    "spend_jump": lambda w, a: (
        f"{_of(w, a)} spent {_money(w, a.figures['spent_base'])} on {w.day(a.figures['day'])}, "
        f"{_decimal(w, a.figures['factor'])} times what it was granted, as another unit or currency would"
    ),
    "level_jump": lambda w, a: (
        f"{_measured(w, a)} changed to {_decimal(w, a.figures['ratio'])} of what they were, as another unit or "
        "currency would"
    ),
    "behind_pace": _paced,
    "ahead_of_pace": _paced,
    "response_fell": lambda w, a: _moved(w, a, "fell"),
    "response_rose": lambda w, a: _moved(w, a, "rose"),
    "stock_runs_out": lambda w, a: (
        f"stock in {a.region} runs out around {w.day(a.figures['day'])} in {_share(w, a.figures['chance'])} of the "
        f"worlds, with {_money(w, a.figures['spend_base'])} of media still to come"
    ),
    "gap": lambda w, a: (
        f"nobody told {_FIGURES[a.measure]}"
        f"{f' of {_of(w, a)}' if a.region or a.channel else ''} on {int(a.figures['days'])} of the days from "
        f"{w.day(a.figures['first_day'])} to {w.day(a.figures['last_day'])}"
    ),
    "actuals_late": lambda w, a: (
        f"nothing is known since {w.day(a.figures['known_until'])}, {int(a.figures['days'])} days"
    ),
    "out_of_range": lambda w, a: (
        f"{_FIGURES.get(a.measure, a.measure)} of {w.day(a.figures['day'])} was told as what it cannot be"
    ),
    "sheets_beyond": lambda w, a: (
        f"sheets for {a.measure} that were handed out say {_money(w, a.figures['said_base'])} for the days ahead, "
        f"{_money(w, a.figures['more_base'])} more than may go out"
    ),
    "proposal_waits": lambda w, a: (
        f"a proposal from {w.day(a.figures['first_day'])} on waits for approval"
        + (f", and {int(a.figures['days_since'])} days were told since" if a.figures["days_since"] else "")
    ),
}
_REASONS: Mapping[ReasonCode, Callable[[CampaignWords, Reason], str]] = {
    "response": lambda w, r: (
        f"returns {_decimal(w, r.value)} of what the scenario says ({_decimal(w, r.low)} to {_decimal(w, r.high)})"
    ),
    "saturation": lambda w, r: f"at {_share(w, r.value)} of its ceiling",
    "fatigue": lambda w, r: f"people saw {_decimal(w, r.value)} times what tires them",
    "lock": lambda w, r: f"locked at {_money(w, r.value)} a day",
    "minimum": lambda w, r: f"at its minimum of {_money(w, r.value)} a day",
    "maximum": lambda w, r: f"at its maximum of {_money(w, r.value)} a day",
    "region_cap": lambda w, r: f"the cap of {r.region}, {_money(w, r.value)}, is used up",
    "channel_cap": lambda w, r: f"the cap of {r.channel}, {_money(w, r.value)}, is used up",
    "underspend": lambda w, r: f"{_money(w, r.value)} that were granted have not been spent so far",
    "overspend": lambda w, r: f"{_money(w, r.value)} more than granted have been spent so far",
    "free_money": lambda w, r: f"{_money(w, r.value)} were granted to nothing",
    "budget": lambda w, r: f"the budget of {_money(w, r.value)} is used up",
    "pacing": lambda _, r: f"{int(r.value)} days are at the most that a day may cost",
}
