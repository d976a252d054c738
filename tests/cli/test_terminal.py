"""Progress on stderr: lines where nobody watches, and no more of them than a log can bear."""

import pytest

from xbopt.cli import terminal
from xbopt.cli.terminal import stage_bar, stage_lines


def test_a_stage_says_one_line_as_it_begins_and_one_every_ten_seconds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter([100.0, 101.0, 109.9, 110.5, 111.0])
    monkeypatch.setattr(terminal.time, "monotonic", lambda: next(clock))
    tell = stage_lines()
    for stage, done, total in [("reading", 0, 0), ("fit", 0, 3), ("fit", 1, 3), ("fit", 2, 3), ("fit", 3, 3)]:
        tell(stage, done, total)
    # The second line of the fit would come 8.9 seconds after the first, the third 9.5; only the last is 10 after it.
    assert capsys.readouterr().err.splitlines() == ["reading", "fit: 0 of 3", "fit: 3 of 3"]


@pytest.mark.parametrize(("quiet", "lines", "said"), [(False, True, "reading\n"), (True, True, ""), (False, False, "")])
def test_only_work_of_minutes_says_its_stages_where_stderr_is_no_terminal(
    capsys: pytest.CaptureFixture[str], *, quiet: bool, lines: bool, said: str
) -> None:
    with stage_bar(quiet=quiet, lines=lines) as tell:
        tell("reading", 0, 0)
    assert capsys.readouterr().err == said
