"""What decisions of campaigns brought, read from the outcomes of the store as they come."""

from dataclasses import dataclass, field

from xbopt.campaigns.books.campaign_book import EventStore
from xbopt.campaigns.books.events import Decided
from xbopt.campaigns.books.record import CampaignRecord
from xbopt.service.store.entries import OutcomeEntry, campaign_key
from xbopt.service.store.recording import decode_entry


@dataclass(slots=True)
class _Read:
    """Outcomes of a campaign up to a place of the chain: revision and reward by decision and cell."""

    until: int
    found: dict[str, dict[str, tuple[int, float]]] = field(default_factory=dict[str, dict[str, tuple[int, float]]])


class Rewards:
    """Reads outcomes; what was read is kept.

    Args:
        store: The store.
    """

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self._kept: dict[str, _Read] = {}

    def come(self, name: str) -> list[tuple[int, OutcomeEntry]]:
        """Outcomes since a campaign was last asked for; read before the campaign, so that it holds all they are of.

        Args:
            name: The campaign, which is there.

        Raises:
            StoreError: The store cannot be read.
        """
        read = self._kept.get(name)
        if read is None:
            first = ("campaign", campaign_key(name, 1))
            read = self._kept[name] = _Read(self._store.find_all([first])[first].seq)
        return [
            (entry.seq, decode_entry(entry.payload, OutcomeEntry))
            for entry in self._store.entries("outcome", after=read.until)
        ]

    def of(self, record: CampaignRecord, come: list[tuple[int, OutcomeEntry]]) -> dict[str, float]:
        """Reward of each decision of a campaign that has the outcomes of all its cells; of each the last revision.

        Args:
            record: The campaign, read after ``come``.
            come: What came.
        """
        read, own = self._kept[record.name], {one.decision for one in record.decisions}
        for seq, outcome in come:
            read.until = max(read.until, seq)
            if outcome.decision_id not in own:
                continue
            cells = read.found.setdefault(outcome.decision_id, {})
            if outcome.unit not in cells or cells[outcome.unit][0] < outcome.revision:
                cells[outcome.unit] = (outcome.revision, outcome.reward)
        cells = len(record.scenario.regions) * len(record.scenario.segments)
        return {
            one.decision: sum(reward for _, reward in read.found[one.decision].values())
            for one in record.decisions
            if one.decision in read.found and len(read.found[one.decision]) == _asked(one, cells)
        }


def _asked(one: Decided, cells: int) -> int:
    """Number of cells that a decision was asked for."""
    return len(set(one.units)) if one.units else cells
