"""The scenarios that come with xbopt, by name; nothing of them is read."""

from importlib import resources


def shipped_scenarios() -> tuple[str, ...]:
    """Names of the scenarios that come with xbopt, sorted."""
    folder = resources.files("xbopt.scenarios")
    return tuple(sorted(item.name.removesuffix(".yaml") for item in folder.iterdir() if item.name.endswith(".yaml")))
