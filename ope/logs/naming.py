"""Sentences of an evaluation with the log's own names in place of numbers."""

import re
from collections.abc import Sequence
from dataclasses import replace

from xbopt.ope.results import PolicyEvaluation

_ACTION = re.compile(r"\b([Aa])ction (\d+)")
_MORE_ACTIONS = re.compile(r"(?<=, )(\d+)(?= \(\d)")
_SEGMENT = re.compile(r"\bsegment: (\d+)")
_IN_PYTHON = "Ask the sequential question: evaluate_sequential on episodes of this log."
_ON_THE_COMMAND_LINE = "Ask the sequential question: --estimand sequential, or in Python evaluate_log_sequentially."
_ROW = re.compile(r"\brow (\d+)\b")


def with_names(result: PolicyEvaluation, actions: Sequence[str], segments: Sequence[str]) -> PolicyEvaluation:
    """The evaluation with actions and segments named in its sentences, and rows counted from 1 as in files."""
    return replace(
        result,
        reasons=tuple(_named(sentence, actions, segments) for sentence in result.reasons),
        next_steps=tuple(_named(sentence, actions, segments) for sentence in result.next_steps),
    )


def segment_name(code: int, segments: Sequence[str]) -> str:
    """The name of a segment; the code behind the last one stands for all others."""
    return (segments[code] or "(empty)") if code < len(segments) else "(others)"


def _named(sentence: str, actions: Sequence[str], segments: Sequence[str]) -> str:
    def action(found: re.Match[str]) -> str:
        return f"{found[1]}ction '{actions[int(found[2])]}'"

    named = _ACTION.sub(action, sentence)
    if "never logged" in named:
        named = _MORE_ACTIONS.sub(lambda found: f"'{actions[int(found[1])]}'", named)
    named = _SEGMENT.sub(lambda found: f"segment: {segment_name(int(found[1]), segments)}", named)
    named = named.replace(_IN_PYTHON, _ON_THE_COMMAND_LINE)
    return _ROW.sub(lambda found: f"row {int(found[1]) + 1}", named)
