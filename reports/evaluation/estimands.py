"""Which question an evaluation answers, and what has to be true for the answer to be right: in sentences."""

from xbopt.ope.logs.evaluation import LogEvaluation


def estimand_words(evaluation: LogEvaluation) -> tuple[str, ...]:
    """What the value is the value of."""
    unit = f" ({evaluation.log.reward_unit})" if evaluation.log.reward_unit else ""
    if evaluation.result.estimand == "sequential":
        return (
            (
                f"The mean total reward{unit} of an episode if {evaluation.policy} made every decision of it, from the "
                "first to the last."
            ),
            "States move with the policy: what a decision does to later ones is part of the value.",
            *(
                [f"Each {evaluation.log.unit_name} by itself: the others of its run are decided for as in the log."]
                if evaluation.log.unit_name
                else []
            ),
        )
    return (
        (
            f"The mean reward of one decision{unit} if {evaluation.policy} chose the action, in the situations that "
            "the log visited."
        ),
        (
            "What a decision does to later situations is not in it: where spend carries over, customers tire or a "
            "budget is shared, ask the sequential question."
        ),
    )


def assumption_words(evaluation: LogEvaluation) -> tuple[str, ...]:
    """What has to be true for value and interval to be right."""
    log, result = evaluation.log, evaluation.result
    words = [
        "The stated propensities are those with which the actions were really drawn."
        if not log.estimates_propensities
        else "The context holds everything that moved the choice of the action: propensities were estimated from it.",
        "Whoever will be decided for resembles whoever stands in the log: same market, same time of year.",
    ]
    if log.cluster_name:
        words.append(
            f"Rows of one {log.cluster_name} may share luck; different ones ({result.support.clusters:,} in all) do "
            "not."
        )
    else:
        words.append("Rows do not share luck. If customers or days repeat, name them: --columns cluster=...")
    if result.estimand == "one-step" and result.carry_over is None:
        words.append(
            "No earlier action moves a later reward. The log does not say which rows belong together, so this could "
            "not be tested; --columns episode_id=...,step=... would let it be."
        )
    if result.rows_censored:
        words.append(
            f"{result.rows_censored:,} decisions whose reward was not ready were left out: whether it is ready must "
            "not depend on how large it is."
        )
    return tuple(words)
