"""How to read a simulation report, and what it leaves out."""

from xbopt.core.scenario.notes import after_words, before_words
from xbopt.studies.against_baseline import BaselineComparison
from xbopt.studies.simulate import SimulationResult


def method_notes(result: SimulationResult, comparison: BaselineComparison | None) -> tuple[str, ...]:
    """The method notes, most needed first."""
    unsure = result.scenario.document.uncertainty
    uncertain = ", ".join(name.replace("_", " ") for name in unsure.spreads)
    worlds = (
        f"Each world draws its own {uncertain} around the scenario's values, and its own chances day by day."
        if unsure.spreads
        else f"Each world is a joint draw of parameters from {unsure.draws}, with its own chances day by day."
        if unsure.draws
        else "Worlds differ by chance alone."
    )
    notes = [
        f"Figures are means over {result.runs} simulated worlds. {worlds}",
        (
            "A range marked 5\N{EN DASH}95% holds nine of ten worlds. It says how far a single campaign may fall from "
            "the mean; it is not a confidence interval of the mean. The standard error (se) says how exactly the mean "
            "itself is known from this number of worlds; more worlds shrink it, and leave the range as it is."
        ),
        (
            "Contribution margin is net revenue less goods, parcels, duty paid by the seller, fees, handling of "
            "returns, and media. Fixed costs are not part of it."
        ),
        ("Revenue and margin include organic orders. ROAS and ROI therefore are not what media alone bring."),
        "Returns are booked at their expected value on the day of the order.",
        f"Before the first day: {before_words(result.scenario)} After the last one: {after_words(result.scenario)}",
        (
            "Response curves are the long-run answer of the average market to the same spend every day. Dashed parts "
            "lie beyond the largest daily spend of this plan. They count first effects only: no repurchase after the "
            "day, no synergy between channels, no first and last days of a campaign."
        ),
        (
            "Not modelled: answers of competitors to this plan, fixed costs, credit risk, capacity of customer "
            "service, and legal limits on advertising."
        ),
        (
            "Every number of the market is an assumption of the scenario; the sheet above tells where each comes from. "
            "The ranges know only the uncertainty that the scenario states."
        ),
    ]
    if comparison is not None:
        notes.insert(
            2,
            "Changes are taken world by world: plan and baseline met the same worlds and the same chances."
            if comparison.paired
            else "Plan and baseline were played with other seeds or numbers of worlds; the changes are differences "
            "of means, and their range over worlds is not known.",
        )
        if not comparison.same_scenario:
            notes.insert(3, "The baseline was played in another scenario: changes mix plan and market.")
    if "+explore" in result.policy:
        notes.insert(
            1,
            "This policy explores: a share of its decisions was drawn at random from the tactic menu, so that a log "
            "can be evaluated. What that takes from the margin is in these figures.",
        )
    return tuple(notes)
