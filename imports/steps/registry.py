"""The steps by the names that profiles use."""

from collections.abc import Mapping

from xbopt.imports.steps.json_rows import sessions_of_events, sum_of_refunds
from xbopt.imports.steps.review_texts import score_reviews
from xbopt.imports.steps.shopify import shopify_order_money
from xbopt.imports.steps.step import Step
from xbopt.imports.steps.taxes import tax_by_answer, tax_by_rate
from xbopt.imports.steps.wide import unpivot_currencies, unpivot_feedback

STEPS: Mapping[str, Step] = {
    step.__name__: step
    for step in (
        score_reviews,
        sessions_of_events,
        shopify_order_money,
        sum_of_refunds,
        tax_by_answer,
        tax_by_rate,
        unpivot_currencies,
        unpivot_feedback,
    )
}
