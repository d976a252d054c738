"""Which reports have a page, and what stands on it."""

from typing import TypeAlias

from xbopt.reports.comparison_page import comparison_content
from xbopt.reports.comparison_report import ComparisonReport
from xbopt.reports.evaluation import EvaluationReport
from xbopt.reports.evaluation_page import evaluation_content
from xbopt.reports.page_parts import PageContent
from xbopt.reports.plan import PlanReport
from xbopt.reports.plan_page import plan_content
from xbopt.reports.simulation import SimulationReport
from xbopt.reports.simulation_page import simulation_content

Report: TypeAlias = SimulationReport | PlanReport | ComparisonReport | EvaluationReport
"""Every report that has a page."""


def page_content(report: Report) -> PageContent:
    """A report laid out for its page."""
    if isinstance(report, ComparisonReport):
        return comparison_content(report)
    if isinstance(report, PlanReport):
        return plan_content(report)
    if isinstance(report, EvaluationReport):
        return evaluation_content(report)
    return simulation_content(report)
