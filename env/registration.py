"""Making ``xbopt/Campaign-v0`` known to Gymnasium, without loading Gymnasium."""

import sys

ENV_ID = "xbopt/Campaign-v0"


def register_if_gymnasium_is_loaded() -> None:
    """Register the environment once. ``gymnasium.make("xbopt:xbopt/Campaign-v0")`` imports ``xbopt``, which does it."""
    gymnasium = sys.modules.get("gymnasium")
    if gymnasium is not None and hasattr(gymnasium, "register") and ENV_ID not in gymnasium.registry:
        gymnasium.register(
            id=ENV_ID,
            entry_point="xbopt.env.gym_env:CampaignEnv",
            vector_entry_point="xbopt.env.vector_env:CampaignVectorEnv",
        )
