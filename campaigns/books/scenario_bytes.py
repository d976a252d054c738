"""What a seller believed when a campaign began, as it stands in the decision store."""

import tempfile
import zlib
from functools import lru_cache
from pathlib import Path

import yaml

from xbopt.core.errors import CampaignRecordError
from xbopt.core.scenario.loading import load_scenario
from xbopt.core.scenario.scenario import Scenario

_DRAWS = "draws.parquet"


def packed_scenario(scenario: Scenario) -> tuple[bytes, bytes]:
    """A scenario as compressed text, and the file of its joint draws, empty without one."""
    plain = scenario.document.model_dump(mode="json", exclude_none=True)
    if scenario.draws is not None:
        plain["uncertainty"]["draws"] = _DRAWS
    text = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)
    return zlib.compress(text.encode(), 6), b"" if scenario.draws is None else scenario.draws.content


@lru_cache(maxsize=32)
def unpacked_scenario(packed: bytes, draws: bytes, scenario_hash: str) -> Scenario:
    """The scenario of `packed_scenario`.

    Raises:
        CampaignRecordError: It is another one than its hash says, or cannot be read.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scenario.yaml"
        try:
            path.write_bytes(zlib.decompress(packed))
        except zlib.error as error:
            raise CampaignRecordError(f"The scenario of a campaign in the store cannot be read: {error}.") from error
        (Path(folder) / _DRAWS).write_bytes(draws)
        scenario = load_scenario(path)
    if scenario.hash != scenario_hash:
        raise CampaignRecordError(
            f"The scenario of a campaign in the store has the hash {scenario.hash}; {scenario_hash} was written down."
        )
    return scenario
