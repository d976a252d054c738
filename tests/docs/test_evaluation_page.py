"""The commands of docs/evaluation.md, in the order in which a reader types them, in one folder."""

import re
import shlex
from pathlib import Path

from tests.command_line import call

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "evaluation.md").read_text(encoding="utf-8")
COMMANDS = [
    line
    for block in re.findall(r"^```console\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
    if line.startswith("xbopt ")
]


def write_files(folder: Path) -> None:
    """The files that the page speaks of: the one it shows, and the log that it goes with."""
    (shown,) = re.findall(r"^```csv\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (folder / "by_age.csv").write_text(shown, encoding="utf-8")
    rows = [
        f"{('short', 'long')[(i // 3) % 2]},0.5,{int((i * 7919) % 100 < 25)},{('young', 'middle', 'old')[i % 3]}\n"
        for i in range(900)
    ]
    (folder / "mailing.csv").write_text("mail,p,bought,age\n" + "".join(rows), encoding="utf-8")


def test_the_commands_do_what_the_page_says(tmp_path: Path) -> None:
    write_files(tmp_path)
    said = {}
    for line in COMMANDS:
        command, _, remark = line.partition("  # ")
        answer = call(*shlex.split(command)[1:], folder=tmp_path)
        assert answer.code == (int(remark.removeprefix("exit ")) if remark else 0), (line, answer.err)
        said[line] = answer.out
    assert len(COMMANDS) >= 7
    first, sequential = (out for line, out in said.items() if "--scenario quickstart" in line)
    (thin,) = (out for line, out in said.items() if "evaluate thin.parquet" in line)
    assert "CAUTION:" in first
    assert "--estimand sequential" in first
    assert "episodes, policy baseline+explore0.4, sequential" in sequential
    assert "ANSWER:" in sequential
    assert "95% interval of the difference" in sequential.replace("\n", " ")
    assert "REFUSE:" in thin
    assert (tmp_path / "evaluation.html").exists()


def test_the_page_names_every_role_and_estimand() -> None:
    from xbopt.ope.logs.roles import ROLES

    for role in ROLES:
        assert f"`{role}`" in PAGE
