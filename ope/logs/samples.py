"""What an evaluation looks at beside the estimate, gathered in the first pass through a log."""

from dataclasses import dataclass

from xbopt.ope.logs.audit_sample import AuditSample
from xbopt.ope.logs.episode_sample import EpisodeSample
from xbopt.ope.logs.rows import LogRows


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """What the tests beside the estimate look at; None for what the log does not know.

    Attributes:
        episodes: Episodes, for the test of carry-over.
        audit: Rows, for the audit of propensities.
    """

    episodes: EpisodeSample | None = None
    audit: AuditSample | None = None

    @classmethod
    def of(cls, rows: LogRows, first_row: int) -> "Samples":
        """Some rows, of which the first has that number in the log."""
        return cls(episodes=EpisodeSample.of(rows), audit=AuditSample.of(rows, first_row))

    def plus(self, other: "Samples") -> "Samples":
        """Both together."""
        episodes, audit = self.episodes or other.episodes, self.audit or other.audit
        if self.episodes is not None and other.episodes is not None:
            episodes = self.episodes.plus(other.episodes)
        if self.audit is not None and other.audit is not None:
            audit = self.audit.plus(other.audit)
        return Samples(episodes=episodes, audit=audit)
