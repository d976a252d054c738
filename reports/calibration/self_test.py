"""What a fit's test of itself told: a table, sentences, and JSON."""

from dataclasses import asdict

from xbopt.calibration.fit.self_test import LEVEL, Coverage, SelfTest
from xbopt.reports.kit.figures import Column, Table
from xbopt.reports.kit.numbers import NumberFormat

_FEW = 20
_RETURN = "incremental_return."


def self_test_table(test: SelfTest | None) -> Table:
    """What channels add, then kinds of numbers that are fitted."""
    rows = () if test is None or not test.fitted else (*(row for row in test.numbers if _is_return(row)), *test.kinds)
    return Table(
        key="self_test",
        title="How often the intervals hold what is true",
        columns=(
            Column("of", "Number", "text"),
            Column("intervals", "Intervals", "count"),
            Column("covered", "Hold the truth", "share", "Of 95 % intervals, 95 % should"),
            Column("off", "Off by", "ratio", "Mean of estimate less truth, in stated standard deviations"),
        ),
        rows=tuple((_name(row), float(row.intervals), row.covered, row.off) for row in rows),
        note="Markets drawn from this fit's posterior; their records of the same days, played with luck of their own, "
        "are fitted anew. It tests the fit, and not whether the model is true of these data: fitted against actual and "
        "xbopt backtest tell that.",
    )


def self_test_sentences(test: SelfTest, numbers: NumberFormat) -> tuple[str, ...]:
    """What to make of it."""
    fitted, lines = len(test.fitted), list[str]()
    if failed := len(test.refits) - fitted:
        first = next(one.error for one in test.refits if one.error)
        lines.append(f"{failed} of {len(test.refits)} markets of the self-test could not be fitted: {first}")
    if not fitted:
        return tuple(lines)
    inside = [held for one in test.fitted for held in one.inside.values()]
    lines.append(
        f"Self-test: of {numbers.count(len(inside))} intervals in {fitted} markets like this one, "
        f"{numbers.share(sum(inside) / len(inside))} hold what is true; {numbers.share(LEVEL)} should."
    )
    bad = [_name(row) for row in test.numbers if row.fails]
    if bad:
        lines.append(
            f"Intervals of {', '.join(bad)} miss the truth more often than chance explains (1 number in 100 would look "
            "so by chance): take them as wider than they say."
        )
    if test.doubted:
        lines.append(
            f"{test.doubted} of these {fitted} fits were put in doubt though the model was right; their intervals are "
            "wider than they need be."
        )
    if fitted < _FEW:
        lines.append(f"{fitted} markets tell gross errors only; {_FEW} or more tell what may be relied on.")
    return tuple(lines)


def self_test_json(test: SelfTest | None) -> dict[str, object] | None:
    """The whole of it."""
    if test is None:
        return None
    return {
        "level": LEVEL,
        "markets": len(test.refits),
        "fitted": len(test.fitted),
        "in_doubt": test.doubted,
        "numbers": [asdict(row) | {"fails": row.fails} for row in test.numbers],
        "kinds": [asdict(row) for row in test.kinds],
        "errors": [{"market": one.number, "error": one.error} for one in test.refits if one.error],
    }


def _is_return(row: Coverage) -> bool:
    return row.name.startswith(_RETURN)


def _name(row: Coverage) -> str:
    if row.name == _RETURN.rstrip("."):
        return "what channels add, together"
    return f"what {row.name.removeprefix(_RETURN)} adds" if _is_return(row) else row.name
