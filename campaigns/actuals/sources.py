"""Which account or shop told before what files tell now: one of them may name it, and another not."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from xbopt.campaigns.actuals.actual_day import ActualDay
from xbopt.campaigns.actuals.notes import ActualsNote
from xbopt.campaigns.actuals.tellings import OFF, Tellings
from xbopt.core.errors import CampaignError

_SHOWN = ("spend_base", "orders")
_RESTATED = 0.1
"""Platforms restate the days of the last weeks by some percent."""


def named_as_before(
    days: Sequence[ActualDay], known: Tellings, campaign: str
) -> tuple[tuple[ActualDay, ...], tuple[ActualsNote, ...]]:
    """Days under the names of sources that were told before, and what to know of that.

    Args:
        days: What files tell.
        known: What was told before.
        campaign: Its name.

    Raises:
        CampaignError: Whether an account is one that told before cannot be told.
    """
    notes: list[ActualsNote] = []
    names: dict[str, str] = {}
    told_before = _accounts(known.sources)
    for platform, accounts in _accounts(one.source for one in days).items():
        told = told_before.get(platform, frozenset())
        for account in sorted(accounts):
            source = before = f"{platform}/{account}"
            if told and account not in told:
                own = [one for one in days if one.source == source]
                before = _same_as(platform, account, sorted(told), own, known, campaign)
            if before != source:
                notes.append(
                    ActualsNote(code="account_named", what=source)
                    if account
                    else ActualsNote(code="no_account", what=platform)
                )
            names[source] = before
    if len(set(names.values())) < len(names):
        raise CampaignError(_cannot_tell("One of several accounts", campaign))
    return tuple(replace(one, source=names.get(one.source, one.source)) for one in days), tuple(notes)


def _accounts(sources: Iterable[str]) -> Mapping[str, frozenset[str]]:
    """Accounts by platform, of sources written as ``platform/account``."""
    found: dict[str, frozenset[str]] = {}
    for source in sources:
        platform, slash, account = source.partition("/")
        if slash and not source.startswith(OFF):
            found[platform] = found.get(platform, frozenset()) | {account}
    return found


def _same_as(
    platform: str, account: str, told: Sequence[str], days: Sequence[ActualDay], known: Tellings, campaign: str
) -> str:
    """The source of before that an account which is named otherwise is; its own name where it is a new one."""
    if account and "" not in told:
        return f"{platform}/{account}"
    if not account and len(told) > 1:
        raise CampaignError(
            f"The files name no account of {platform}, and {', '.join(told)} told before. Say with --account which it "
            "is."
        )
    before = f"{platform}/{told[0]}"
    alike = _alike(days, known, before)
    # Weekly exports of one account share no day; a name that appears may be that of another one.
    if (alike or (not account and alike is None)) and len(told) == 1:
        return before
    what = f"The account {account} of {platform}" if account else f"The account of {platform} in these files"
    raise CampaignError(_cannot_tell(what, campaign))


def _alike(days: Sequence[ActualDay], known: Tellings, source: str) -> bool | None:
    """Whether a source told most of the same days alike; None where it told none of them."""
    alike: list[bool] = []
    for one in days:
        before = known.of(one.day, source)
        for name in _SHOWN if before is not None else ():
            now, was = one.figures.get(name), before.figures.get(name) if before is not None else None
            if now is not None and was is not None:
                sums = float(np.nansum(now)), float(np.nansum(was))
                alike.append(abs(sums[0] - sums[1]) <= _RESTATED * max(sums))
    return bool(np.mean(alike) > 0.5) if alike else None


def _cannot_tell(what: str, campaign: str) -> str:
    return (
        f"{what} may be the one that told before under another name or none, or another one; nothing was taken. "
        f"Withdraw what was told without a name (xbopt campaign withdraw {campaign} lists it), and tell both again, "
        "each with --account."
    )
