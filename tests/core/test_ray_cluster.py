"""A Ray cluster of two nodes on this machine, one of which is killed while it works."""

import threading
import time
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.core import work_of_parts as work
from xbopt.core.workers import over_parts

pytestmark = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed (the extra scale)")


@pytest.fixture
def cluster(monkeypatch):
    import ray
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))  # of the nodes, which load the tests' work
    ray.shutdown()  # of this process: whatever another test began
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "object_store_memory": 80_000_000})
    ray.init(address=made.address, log_to_driver=False, logging_level="ERROR")
    yield made
    ray.shutdown()
    made.shutdown()


def test_a_node_that_is_killed_is_survived(cluster, tmp_path):
    other = cluster.add_node(num_cpus=2, object_store_memory=80_000_000)
    cluster.wait_for_nodes()

    def kill() -> None:
        end = time.monotonic() + 60.0
        while len(list(tmp_path.glob("done-*"))) < 6 and time.monotonic() < end:
            time.sleep(0.02)
        cluster.remove_node(other, allow_graceful=False)

    killer = threading.Thread(target=kill)
    killer.start()
    found = list(over_parts(partial(work.slow_square, tmp_path), range(24), engine="ray"))
    killer.join()
    assert found == [part * part for part in range(24)]
    again = [path.name for path in tmp_path.glob("done-*") if path.read_text() != "x"]
    assert again, "no part was on the node when it died"
    assert len(again) <= 8
