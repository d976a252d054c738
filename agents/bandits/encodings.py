"""Bandits in the market by what they choose: notches around the re-planner, or tactics of the scenario's menu."""

from pathlib import Path

from xbopt.agents.bandits.market_policy import ENTRIES as TACTIC_ENTRIES
from xbopt.agents.bandits.market_policy import MarketBanditPolicy, read_tactics
from xbopt.agents.bandits.market_settings import settings_for
from xbopt.agents.bandits.market_training import BanditTraining
from xbopt.agents.bandits.residual_policy import ENTRIES as RESIDUAL_ENTRIES
from xbopt.agents.bandits.residual_policy import ResidualBanditPolicy, read_residual
from xbopt.agents.bandits.residual_training import ResidualTraining
from xbopt.agents.saved_policy import read_policy
from xbopt.agents.training import TrainingSettings
from xbopt.simulator.parameters import MarketParameters


def bandit_training(market: MarketParameters, settings: TrainingSettings) -> BanditTraining | ResidualTraining:
    """A bandit that is ready to learn, with the encoding that its options name.

    Raises:
        UsageError: An option makes no sense.
    """
    own = settings_for(settings.agent, settings.options)
    if own.encoding == "residual":
        return ResidualTraining(market, settings, own)
    return BanditTraining(market, settings)


def load_policy(folder: Path, market: MarketParameters) -> MarketBanditPolicy | ResidualBanditPolicy:
    """Read a policy for a market; those that name no encoding are of tactics.

    Raises:
        PolicyError: A file is missing, damaged or of another format, or the policy was trained for another market.
    """
    saved = read_policy(folder, market.scenario, ("agent",))
    if saved.entries.get("encoding") == "residual":
        return read_residual(folder, read_policy(folder, market.scenario, RESIDUAL_ENTRIES), market)
    return read_tactics(folder, read_policy(folder, market.scenario, TACTIC_ENTRIES), market)
