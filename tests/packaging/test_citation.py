"""The citation file is valid by the rules of its format, and speaks of this version."""

import yaml

from xbopt.core.version import __version__

REQUIRED = {"cff-version", "message", "title", "authors"}
ALLOWED = REQUIRED | {"type", "abstract", "version", "license", "keywords"}


def test_the_citation_file_is_of_this_version(repository, pyproject):
    """Required keys, and the kinds of their values, by the schema of Citation File Format 1.2.0."""
    cited = yaml.safe_load((repository / "CITATION.cff").read_text(encoding="utf-8"))
    assert cited.keys() >= REQUIRED
    assert cited.keys() <= ALLOWED
    assert cited["cff-version"] == "1.2.0"
    assert cited["type"] == "software"
    assert str(cited["version"]) == pyproject["project"]["version"] == __version__
    assert cited["license"] == pyproject["project"]["license"]
    assert cited["authors"]
    assert all(one.keys() <= {"name", "website", "email"} and one["name"] for one in cited["authors"])
    assert len(set(cited["keywords"])) == len(cited["keywords"])
