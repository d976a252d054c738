"""What the shell offers when the tab key is pressed."""


def scenario_names(incomplete: str) -> list[str]:
    """Shipped scenarios that start with what was typed; files are completed by the shell."""
    from xbopt.core.scenario.loading import shipped_scenarios

    return [name for name in shipped_scenarios() if name.startswith(incomplete)]


def agent_names(incomplete: str) -> list[str]:
    """Agents that start with what was typed."""
    from xbopt.agents.registry import AGENTS

    return [name for name in AGENTS if name.startswith(incomplete)]


def policy_names(incomplete: str) -> list[str]:
    """Built-in policies that start with what was typed."""
    from xbopt.agents.policies import NAMES

    return [name for name in NAMES if name.startswith(incomplete)]
