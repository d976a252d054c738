"""Reviews as scores: stars where there are stars, else words of a small list. Texts are dropped once they are scored.

Cheap on purpose: `core/tables/sentiment_words.csv` (English, German, French, Spanish, Chinese) knows negation by one
word before, and neither irony nor grammar. A text that holds none of its words has no score.
"""

import re
from collections.abc import Mapping
from functools import cache

import polars as pl

from xbopt.core.tables.rows import TABLE_FOLDER, read_rows
from xbopt.imports.steps.step import StepContext

_NEGATIONS = frozenset("not no never nicht kein keine pas non no ni 不 没 没有".split())


def score_reviews(frame: pl.DataFrame, context: StepContext) -> pl.DataFrame:
    """Add ``kind``, ``score`` from -1 to 1 and ``number`` 1 to reviews of stars or texts; take the texts out.

    Reviews with neither stars nor a word of the list are counted and left out.
    """
    stars = (pl.col("rating") - 3.0) / 2.0
    words = [None if text is None else text_score(str(text)) for text in frame["text"].to_list()]
    scored = frame.with_columns(
        kind=pl.lit("review"),
        score=stars.fill_null(pl.Series("words", words, dtype=pl.Float64)),
        number=pl.lit(1.0),
        text=pl.lit(None, dtype=pl.String),
    )
    kept = scored.drop_nulls("score")
    context.drop("review without stars or a word that tells its mood", frame.height - kept.height)
    return kept


def text_score(text: str) -> float | None:
    """Mean score of the known words of a text, -1 to 1; None where it holds none."""
    lowered = text.lower()
    words = re.findall(r"[^\W\d_]+", lowered)
    known = _words()
    found: list[float] = []
    for place, word in enumerate(words):
        if word in known and not _is_han(word):
            turned = any(before in _NEGATIONS for before in words[max(place - 1, 0) : place])
            found.append(-known[word] if turned else known[word])
    # Chinese writes no spaces: its words are looked for inside the text, and turned by the sign before.
    for word, score in known.items():
        if _is_han(word):
            found += [-score if before in _NEGATIONS else score for before in re.findall(f"(.?){word}", lowered)]
    return sum(found) / len(found) if found else None


def _is_han(word: str) -> bool:
    return "\u4e00" <= word[0] <= "\u9fff"


@cache
def _words() -> Mapping[str, float]:
    rows = read_rows(TABLE_FOLDER / "sentiment_words.csv", ("language", "word", "score"))
    return {row.text("word"): row.number("score", low=-1.0, high=1.0) for row in rows}
