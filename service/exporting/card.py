"""``CARD.md``: the bundle in words, for the planner who has to answer for it."""

from xbopt.service.bundle.formats import UNPROVEN, Guardrails, Provenance
from xbopt.service.bundle.schema import Schema


def write_card(
    schema: Schema, guardrails: Guardrails, provenance: Provenance, name: str, version: str, certificate: bytes | None
) -> bytes:
    """The card as UTF-8 text."""
    how = {
        "tactic": f"For every region and segment it gives probabilities over {len(schema.axes.get('K', []))} tactics; "
        "one is drawn.",
        "factored": f"It gives probabilities of the levels of {len(schema.axes.get('A', []))} factors, notches around "
        "another policy's decision; a level of each is drawn.",
        "direct": "It names its decision outright, so that its log cannot be evaluated by weighting.",
    }[schema.shape]
    proof = (
        "Evidence from logged decisions is in `ope.json`."
        if certificate is not None
        else f"{UNPROVEN}: no evaluation went into this bundle."
    )
    drift = {
        "answer": "the policy answers all the same",
        "fallback": "the plan answers",
        "refuse": "no answer is given",
    }
    floor = guardrails.margin_floor_frac
    lines = [
        f"# {name} {version}",
        "",
        (
            f"Policy `{provenance.policy}` ({provenance.policy_kind}) for the scenario `{provenance.scenario}` "
            f"({provenance.scenario_hash}). {how} {proof}"
        ),
        "",
        "## Decides",
        "",
        (
            f"- spend a day by {len(schema.axes['R'])} regions, {len(schema.axes['S'])} segments and "
            f"{len(schema.axes['C'])} channels, in {schema.currency}"
        ),
        f"- how a channel's spend is spread over {len(schema.axes['H'])} parts of the day",
        "- discounts by region and segment",
        "",
        f"It was made for {schema.days} days from {schema.start}. Names, units and ranges are in `schema.json`.",
        "",
        "## Guardrails",
        "",
        f"- at most {guardrails.day_ceiling_base:,.2f} {schema.currency} a day",
        "- deepest discount: " + ", ".join(f"{k} {v:.1%}" for k, v in guardrails.discount_ceiling_frac.items()),
        f"- margin after discount: {'no floor of its own' if floor is None else f'at least {floor:.1%}'}",
        f"- inputs outside what was seen: {drift[guardrails.on_drift]}",
        f"- more than {guardrails.missing_allowed:.0%} of the inputs missing: the plan answers",
        "",
        "## Made with",
        "",
        f"- xbopt {provenance.xbopt_version}",
        *(f"- {library} {number}" for library, number in provenance.libraries.items()),
        *(f"- seed {what}: {seed}" for what, seed in provenance.seeds.items()),
        *(f"- data {what}: sha256 {digest}" for what, digest in provenance.data_sha256.items()),
        "",
    ]
    return "\n".join(lines).encode()
