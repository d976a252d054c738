"""Which reports have a page, and what stands on it."""

from typing import TypeAlias

from xbopt.reports.evaluation import EvaluationReport
from xbopt.reports.evaluation_page import evaluation_content
from xbopt.reports.page_parts import PageContent
from xbopt.reports.simulation import SimulationReport
from xbopt.reports.simulation_page import simulation_content

Report: TypeAlias = SimulationReport | EvaluationReport
"""Every report that has a page."""


def page_content(report: Report) -> PageContent:
    """A report laid out for its page."""
    if isinstance(report, EvaluationReport):
        return evaluation_content(report)
    return simulation_content(report)
