"""Which account or shop told before what files tell now: one of them may name it, and another not, or otherwise."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from xbopt.campaigns.actuals.actual_day import ActualDay
from xbopt.campaigns.actuals.alike import has_moved, is_near, same_figures
from xbopt.campaigns.actuals.notes import ActualsNote
from xbopt.campaigns.actuals.tellings import OFF, Tellings, told_channels
from xbopt.core.errors import CampaignError

_SHOWN = ("spend_base", "orders")


def named_as_before(
    days: Sequence[ActualDay], known: Tellings, campaign: str, *, accepts_alike: bool = False
) -> tuple[tuple[ActualDay, ...], tuple[ActualsNote, ...]]:
    """Days under the names of sources that were told before, and what to know of that.

    Args:
        days: What files tell.
        known: What was told before.
        campaign: Its name.
        accepts_alike: Whether accounts that tell the same figures are several all the same.

    Raises:
        CampaignError: Whether an account is one that told before cannot be told, or money would count twice.
    """
    notes: list[ActualsNote] = []
    names: dict[str, str] = {}
    told_before = _by_platform(known.sources)
    for platform, sources in _by_platform(one.source for one in days).items():
        told: dict[str, str] = {}
        for source in told_before.get(platform, ()):
            told.setdefault(_account(source), source)
        here: dict[str, str] = {}
        for source in sources:
            own = [one for one in days if one.source == source]
            account = _account(source)
            before = here.get(account, source if source in known.sources else told.get(account, source))
            if before != source:
                notes.append(ActualsNote(code="account_spelt", what=f"{source} is read as {before}"))
            elif source not in known.sources and told:
                before = _same_as(source, told, own, known, campaign)
                if before != source:
                    notes.append(
                        ActualsNote(code="account_named", what=source)
                        if account
                        else ActualsNote(code="no_account", what=platform)
                    )
            names[source] = here[account] = before
        if len(set(here.values())) < len(here):
            raise CampaignError(_cannot_tell("One of several accounts", campaign))
    named = tuple(replace(one, source=names.get(one.source, one.source)) for one in days)
    for source in sorted(set(names.values())):
        own = [one for one in named if one.source == source]
        _check_once(own, [one for one, before in names.items() if before == source])
        _check_moved(source, own, known, campaign)
        if not accepts_alike:
            others = [one for one in told_before.get(source.partition("/")[0], ()) if one != source]
            _check_alike(source, own, others, known, {(one.day, one.source) for one in named}, campaign)
    return named, tuple(notes)


def _by_platform(sources: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
    """Sources by platform, of those that are written as ``platform/account``."""
    found: dict[str, tuple[str, ...]] = {}
    for source in sorted(set(sources)):
        platform, slash, _ = source.partition("/")
        if slash and not source.startswith(OFF):
            found[platform] = (*found.get(platform, ()), source)
    return found


def _account(source: str) -> str:
    """The account of a source without what exports of one account write differently: punctuation, spaces and case."""
    plain = unicodedata.normalize("NFKC", source.partition("/")[2]).casefold()
    return "".join(sign for sign in plain if unicodedata.category(sign)[0] not in "PZC")


def _same_as(source: str, told: Mapping[str, str], days: Sequence[ActualDay], known: Tellings, campaign: str) -> str:
    """The source of before that an account which is named otherwise is; its own name where it is a new one."""
    platform, _, name = source.partition("/")
    account = _account(source)
    if account and "" not in told:
        return source
    if not account and len(told) > 1:
        accounts = ", ".join(one.partition("/")[2] for one in told.values())
        raise CampaignError(
            f"The files name no account of {platform}, and {accounts} told before. Say with --account which it is."
        )
    before = next(iter(told.values()))
    alike = _alike(days, known, before)
    # Weekly exports of one account share no day; a name that appears may be that of another one.
    if (alike or (not account and alike is None)) and len(told) == 1:
        return before
    what = f"The account {name} of {platform}" if account else f"The account of {platform} in these files"
    raise CampaignError(_cannot_tell(what, campaign))


def _alike(days: Sequence[ActualDay], known: Tellings, source: str) -> bool | None:
    """Whether a source told most of the same days alike; None where it told none of them."""
    alike: list[bool] = []
    for one in days:
        before = known.of(one.day, source)
        for name in _SHOWN if before is not None else ():
            now, was = one.figures.get(name), before.figures.get(name) if before is not None else None
            if now is not None and was is not None:
                alike.append(is_near(float(np.nansum(now)), float(np.nansum(was))))
    return bool(np.mean(alike) > 0.5) if alike else None


def _cannot_tell(what: str, campaign: str) -> str:
    return (
        f"{what} may be the one that told before under another name or none, or another one; nothing was taken. "
        f"Withdraw what was told without a name (xbopt campaign withdraw {campaign} lists it), and tell both again, "
        "each with --account."
    )


def _check_once(days: Sequence[ActualDay], names: Sequence[str]) -> None:
    """Refuse days that an account tells twice in one call, under two spellings of its name.

    Raises:
        CampaignError: There are such days.
    """
    if len({one.day for one in days}) < len(days):
        raise CampaignError(
            f"{' and '.join(names)} are one account, written in several ways, and tell the same days; nothing was "
            "taken. Tell them one after the other, the latest export last: each corrects what was told before it."
        )


def _check_moved(source: str, days: Sequence[ActualDay], known: Tellings, campaign: str) -> None:
    """Refuse figures that a source told of another channel or country before, which would keep them.

    Raises:
        CampaignError: On half of the days that are told so, or more.
    """
    told = [(one, known.of(one.day, source)) for one in days]
    moved = [found for one, was in told if was is not None and (found := has_moved(was, one)) is not None]
    if sum(moved) * 2 >= len(moved) > 0:
        raise CampaignError(
            f"{source.rstrip('/')} tells on {sum(moved)} of its days the spend of before, and of another channel or "
            "country: it would count in both. Nothing was taken. Tell it as before (the same --channels, --channel-map "
            f"and --country-map), or withdraw what it told (xbopt campaign withdraw {campaign} lists it) and tell "
            "those days again. If both were spent, tell the files of both in one call."
        )


def _check_alike(
    source: str,
    days: Sequence[ActualDay],
    others: Sequence[str],
    known: Tellings,
    here: set[tuple[int, str]],
    campaign: str,
) -> None:
    """Refuse an account that tells what another one told of the same days.

    Args:
        source: The account.
        days: What it tells.
        others: Accounts of its platform that told before.
        known: What was told before.
        here: Days and sources that are told together: whoever tells both knows that they are two.
        campaign: Its name.

    Raises:
        CampaignError: It does.
    """
    for other in others:
        pairs = [
            (one, was)
            for one in days
            if known.of(one.day, source) is None
            and (one.day, other) not in here
            and (was := known.of(one.day, other)) is not None
        ]
        count = _equal_days(pairs)
        if count and not _told_the_same(known, source, other):
            raise CampaignError(
                f"{source} tells of {count} days what {other} told: one account or shop under two names would count "
                f"twice. Nothing was taken. If they are one, tell these files as {other} (--account, where they name "
                f"none themselves), or withdraw what {other} told (xbopt campaign withdraw {campaign} lists it) and "
                "tell it from these. If they are two, say --accept same_figures; over HTTP, tell these days of both "
                "in one request."
            )


def check_apart(days: Sequence[ActualDay]) -> None:
    """Refuse accounts that tell the same in one call: files of one account may name it, or not.

    Raises:
        CampaignError: They do.
    """
    for sources in _by_platform(one.source for one in days).values():
        for one, other in combinations(sources, 2):
            told = {day.day: day for day in days if day.source == one}
            pairs = [(told[day.day], day) for day in days if day.source == other and day.day in told]
            if count := _equal_days(pairs):
                raise CampaignError(
                    f"{one} and {other} tell the same of {count} days: one account or shop under two names would "
                    "count twice. Nothing was taken. If they are one, leave one of the files out, or name it in both "
                    "(--account, where they name none themselves). If they are two, say --accept same_figures."
                )


def _equal_days(pairs: Sequence[tuple[ActualDay, ActualDay]]) -> int:
    """On how many days two sources tell the same; 0 where that may be chance."""
    equal = [one for one, other in pairs if same_figures(one, other)]
    # Costs of two accounts are not equal to the cent and the click; a few orders of one price are.
    return len(equal) if 2 * len(equal) >= len(pairs) or any("spend_base" in one.figures for one in equal) else 0


def _told_the_same(known: Tellings, one: str, other: str) -> bool:
    """Whether two told the same before, which was accepted then."""
    return any(one in told and other in told and same_figures(told[one], told[other]) for told in known.by_day.values())


def off_alone(days: Sequence[ActualDay], tellings: Tellings, channels: Sequence[str]) -> list[ActualsNote]:
    """Channels of which nobody but a platform that was off tells anything, where it never told of them either.

    Args:
        days: What is told now.
        tellings: What was told before.
        channels: Ids of the channels.
    """
    spends = {
        (one.day, one.source.split("/")[0], channel)
        for one in (*days, *(told for of_day in tellings.by_day.values() for told in of_day.values()))
        if not one.source.startswith(OFF)
        for channel in told_channels(one)
    }
    own, by_day = {spent[1:] for spent in spends}, {(day, channel) for day, _, channel in spends}
    found: dict[str, int] = {}
    for told in days:
        platform = told.source.removeprefix(OFF)
        for channel in told_channels(told) if platform != told.source else ():
            if (platform, channel) not in own and (told.day, channel) not in by_day:
                what = f"{platform} was said to be off, and with it {channels[channel]}"
                found[what] = found.get(what, 0) + 1
    return [ActualsNote(code="off_alone", what=what, count=count) for what, count in found.items()]
