"""What all Gymnasium faces share: opening a campaign from options, counting episodes, and seeding anew."""

from dataclasses import replace
from pathlib import Path

from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.decisions.policy import Observation
from xbopt.core.errors import UsageError
from xbopt.core.scenario.loading import scenario_of
from xbopt.core.scenario.scenario import Scenario
from xbopt.env.campaign import Campaign, CampaignSettings
from xbopt.simulator.build import build_market
from xbopt.simulator.parameters import MarketParameters


class Episodes:
    """A campaign that counts its episodes: every one plays new worlds."""

    def __init__(
        self,
        scenario: str | Path | Scenario | MarketParameters | Campaign,
        *,
        worlds: int,
        settings: CampaignSettings,
        plan: ScheduledPolicy | None,
    ) -> None:
        """Open a campaign.

        Args:
            scenario: Name of a shipped scenario, path of a file, a loaded scenario, or a market; or a campaign that is
                set up already: then the others are left alone.
            worlds: Number of worlds in the batch.
            settings: What can be chosen.
            plan: The plan that actions are relative to; the scenario's own where left out.

        Raises:
            ScenarioError: The scenario cannot be used.
            UsageError: A setting makes no sense, or a campaign has another number of worlds.
        """
        if isinstance(scenario, Campaign):
            if scenario.worlds != worlds:
                raise UsageError(f"The campaign has {scenario.worlds} worlds, and {worlds} are wanted.")
            self.campaign = scenario
            self.episode = -1
            return
        market = scenario if isinstance(scenario, MarketParameters) else build_market(scenario_of(scenario))
        self.campaign = Campaign(market, worlds=worlds, settings=settings, plan=plan)
        self.episode = -1

    def begin(self, seed: int | None = None) -> Observation:
        """Begin the next episode; with a seed, the first one under that noise seed.

        Raises:
            UsageError: The seed is outside 0..2**63-1.
        """
        campaign = self.campaign
        if seed is not None:
            campaign.settings = replace(campaign.settings, seed=seed)
            self.episode = -1
        self.episode += 1
        return campaign.reset(self.episode)
