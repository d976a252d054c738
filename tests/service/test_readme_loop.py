"""The loop of the README, as it is typed: train, prove, export, serve, decide, tell outcomes, export, evaluate."""

import json
import shlex
from pathlib import Path

import pytest

from tests.command_line import call
from tests.docs.test_docs import BLOCK, ROOT, SHORT, shortened
from tests.service.conftest import Serve, serve
from tests.service.test_loop import ServedMarket
from xbopt.core.scenario.loading import load_scenario
from xbopt.simulator.build import build_market

__all__ = ["serve"]  # a fixture
WORLDS = 96
"""Enough for each of 54 tactics to be drawn a few times: 20 % of 1,536 decisions are drawn evenly."""


def lines_with(word: str) -> list[str]:
    """The commands of the README's block in which a command stands, from its training on."""
    blocks = [match["code"] for match in BLOCK.finditer((ROOT / "README.md").read_text(encoding="utf-8"))]
    block = next(code for code in blocks if word in code)
    return [line.removeprefix(".venv/bin/") for line in block.splitlines() if "xbopt " in line]


@pytest.mark.statistical
def test_the_loop_of_the_readme_closes(serve: Serve, tmp_path: Path) -> None:
    """A certified bundle comes out, and the log of what it decides judges another policy."""
    train = next(line for line in lines_with("xbopt train") if line.startswith("xbopt train"))
    words = shortened(train)
    at = words.index(SHORT[0])
    assert words[at : at + len(SHORT)] == SHORT
    del words[at : at + len(SHORT)]  # the commands after it play the whole campaign
    answer = call(*words, folder=tmp_path)
    assert answer.code == 0, answer.err
    loop = lines_with("xbopt serve")
    served = next(line for line in loop if line.startswith("xbopt serve"))
    for line in loop[: loop.index(served)]:
        answer = call(*shlex.split(line)[1:], folder=tmp_path)
        assert answer.code == 0, f"{line}\n{answer.err}"
    bundle = tmp_path / shlex.split(served)[2]
    told = json.loads(call("verify", bundle, "--json", folder=tmp_path).out)
    assert told["proven"]
    assert told["evidence"]["verdict"] in {"ANSWER", "CAUTION"}
    running = serve(bundle, store=f"sqlite:///{tmp_path}/decisions.sqlite")
    with running.client() as client:
        shop = ServedMarket(build_market(load_scenario("quickstart")), client, worlds=WORLDS)
        shop.play()
        shop.tell_outcomes()
    running.process.terminate()
    assert running.process.wait(timeout=20) == 0
    for line in loop[loop.index(served) + 1 :]:
        answer = call(*shlex.split(line)[1:], folder=tmp_path)
        assert answer.code == 0, f"{line}\n{answer.out}\n{answer.err}"
        assert "judges no other policy" not in answer.err
    assert answer.out.splitlines()
    judged = json.loads(call(*shlex.split(loop[-1])[1:], "--json", folder=tmp_path).out)
    assert judged["verdict"] in {"ANSWER", "CAUTION"}
    assert judged["rows"] == shop.rewards().size
