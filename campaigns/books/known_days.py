"""What is known of a campaign's days: told event by event, by source, and taken back where it was told wrongly."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from xbopt.campaigns.actuals.actual_day import ActualDay
from xbopt.campaigns.actuals.tellings import Tellings, tellings_of
from xbopt.core.errors import CampaignError


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownDays:
    """What is known.

    Attributes:
        days: By day, the sum of all sources.
        tellings: By day and source.
        events: Days of each event that told some, by its number, unless it was withdrawn.
        files: SHA-256 of the files that each of these events came from.
        unusable: Figures that were told with what cannot be, by day: they wait for a corrected file.
    """

    days: Mapping[int, ActualDay] = field(default_factory=dict[int, ActualDay])
    tellings: Tellings = field(default_factory=Tellings)
    events: Mapping[int, tuple[ActualDay, ...]] = field(default_factory=dict[int, tuple[ActualDay, ...]])
    files: Mapping[int, frozenset[str]] = field(default_factory=dict[int, frozenset[str]])
    unusable: Mapping[int, tuple[str, ...]] = field(default_factory=dict[int, tuple[str, ...]])

    def after(self, number: int, told: Iterable[ActualDay], files: Iterable[str] = ()) -> "KnownDays":
        """With what an event told.

        Args:
            number: Its number.
            told: Its days.
            files: SHA-256 of the files that they came from.

        Raises:
            CampaignError: A day was told whole before and is told by source now, or the other way round.
        """
        days, tellings, unusable = dict(self.days), self.tellings, dict(self.unusable)
        counted: list[ActualDay] = []
        for as_told in told:
            # A store may hold what is refused today: it stays readable, and what cannot be counts as not told.
            new, bad = as_told.within_range(), as_told.out_of_range
            waits = tuple(name for name in unusable.get(new.day, ()) if name not in new.figures)
            unusable[new.day] = (*waits, *bad)
            if new.tells_something:
                tellings = tellings.after(new)
                counted.append(new)
        days |= _summed(tellings, {one.day for one in counted})
        return replace(
            self,
            days=days,
            tellings=tellings,
            events={**self.events, number: tuple(counted)},
            files={**self.files, number: frozenset(files)},
            unusable={day: names for day, names in unusable.items() if names},
        )

    def without(self, number: int) -> "KnownDays":
        """Without what an event told.

        Raises:
            CampaignError: It told nothing, or was withdrawn already.
        """
        if number not in self.events:
            known = ", ".join(map(str, self.events)) or "there is none"
            raise CampaignError(f"Event {number} told nothing that counts. Events that did: {known}.")
        events = {one: days for one, days in self.events.items() if one != number}
        files = {one: own for one, own in self.files.items() if one != number}
        tellings = tellings_of(day for days in events.values() for day in days)
        days = {day: known for day, known in self.days.items() if day not in self.told_by(number)}
        days |= _summed(tellings, self.told_by(number))
        return replace(self, days=days, tellings=tellings, events=events, files=files)

    def told_by(self, number: int) -> frozenset[int]:
        """Days that an event told."""
        return frozenset(one.day for one in self.events.get(number, ()))


def _summed(tellings: Tellings, days: Iterable[int]) -> dict[int, ActualDay]:
    return {day: known for day in days if (known := tellings.day(day)) is not None}
