"""What the service tells Prometheus of campaigns."""

from prometheus_client import CollectorRegistry, Gauge

from xbopt.campaigns.http.asked import Arm
from xbopt.campaigns.http.bodies import Money
from xbopt.service.http.collectors import Tally

_ARMS: tuple[Arm, ...] = ("policy", "incumbent")


class CampaignMetrics:
    """Metrics by campaign; a campaign has none in a process that was never asked about it.

    Args:
        registry: Where they are registered.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._decisions = Tally("xbopt_campaign_decisions", "Decisions of campaigns by arm", ("campaign", "arm"))
        self._conflicts = Tally(
            "xbopt_campaign_conflicts", "Decisions made anew because another replica was faster", ("campaign",)
        )
        for collector in (self._decisions, self._conflicts):
            registry.register(collector)
        labels = ("campaign", "currency")
        self._granted = Gauge(
            "xbopt_campaign_granted_base", "Money that a campaign granted or spent, base currency", labels,
            registry=registry,
        )  # fmt: skip
        self._left = Gauge(
            "xbopt_campaign_left_base", "Money that a campaign may still grant, base currency", labels,
            registry=registry,
        )  # fmt: skip

    def tell_money(self, campaign: str, money: Money) -> None:
        """Note the money of a campaign."""
        self._granted.labels(campaign, money.currency).set(money.granted_base)
        self._left.labels(campaign, money.currency).set(money.left_base)
        self._decisions.expect((campaign, arm) for arm in _ARMS)
        self._conflicts.expect([(campaign,)])

    def decided(self, campaign: str, arm: Arm) -> None:
        """Count a decision."""
        self._decisions.add(campaign, arm)

    def conflicted(self, campaign: str, count: int) -> None:
        """Count what was made anew."""
        if count:
            self._conflicts.add(campaign, count=count)
