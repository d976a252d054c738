"""JSON that every reader takes."""

import json

from xbopt.core.json_text import json_text


def test_what_is_not_known_is_null_at_every_depth() -> None:
    nan, inf = float("nan"), float("inf")
    document = {"a": nan, "b": [inf, {"c": -inf, "d": (1.5, nan)}], "e": None, "f": "NaN", "g": True, "h": 0.1}
    read = json.loads(json_text(document), parse_constant=lambda text: f"no JSON: {text}")
    assert read == {"a": None, "b": [None, {"c": None, "d": [1.5, None]}], "e": None, "f": "NaN", "g": True, "h": 0.1}
