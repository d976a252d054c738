"""Small logs as files."""

import gzip

import pytest

GOOD = """id,item,p,click,age,city
a,red,0.5,1,31,Rome
b,blue,0.25,0,44,Oslo
c,red,0.5,0,27,Rome
d,green,0.25,1,,NO
"""
COLUMNS = "action=item,propensity=p,reward=click,decision_id=id,context=age,context=city"


@pytest.fixture
def csv_log(tmp_path):
    """Write a text as a log; gives its path."""

    def write(text=GOOD, name="log.csv"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        content = text if isinstance(text, bytes) else text.encode()
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return path

    return write


@pytest.fixture
def changed(csv_log):
    """The good log with one text replaced by another."""

    def write(old, new, name="log.csv"):
        assert GOOD.count(old) == 1, f"{old!r} should stand in the log once"
        return csv_log(GOOD.replace(old, new), name)

    return write
