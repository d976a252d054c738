"""The steps by the names that profiles use."""

from collections.abc import Mapping

from xbopt.imports.steps.step import Step

STEPS: Mapping[str, Step] = {}
