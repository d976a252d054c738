"""Trained policies on disk, whichever agent they are of: plain arrays and JSON, and a hash of each file.

A folder holds ``policy.json`` (what the policy is, and the hashes), ``plan.npz`` (the plan that its actions are
relative to) and the agent's own files. Nothing in them is run when they are read.
"""

import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.decisions.policy import PolicyKind
from xbopt.core.errors import PolicyError
from xbopt.core.files import replace_file, sha256_of
from xbopt.core.scenario.scenario import Scenario

FORMAT = 1
_PLAN = "plan.npz"
_PLAN_ARRAYS = ("spend_base", "daypart_weights", "discount_frac", "mechanic")
_ENTRIES = {"format", "plan", "features", "actions", "sha256"}

Arrays = Mapping[str, NDArray[np.float64 | np.float32 | np.int64]]


def write_arrays(path: Path, arrays: Arrays) -> None:
    """Write arrays by name; the file appears complete or not at all.

    Raises:
        UsageError: The file cannot be written there.
    """
    with replace_file(path) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def save_policy(
    folder: Path,
    *,
    agent: str,
    scenario_hash: str,
    plan: ScheduledPolicy,
    features: Sequence[str],
    actions: Sequence[str],
    files: Iterable[str],
    entries: Mapping[str, object],
) -> None:
    """Write the plan, and ``policy.json`` last, beside the files that the agent has written already.

    Args:
        folder: The policy's folder.
        agent: The agent.
        scenario_hash: Of the scenario it was trained on.
        plan: The plan that its actions are relative to.
        features: Names of what it reads.
        actions: Names of what it answers.
        files: Names of the agent's own files.
        entries: The agent's own entries of ``policy.json``.

    Raises:
        UsageError: The folder cannot be written to.
    """
    write_arrays(folder / _PLAN, {name: np.ascontiguousarray(getattr(plan, name)) for name in _PLAN_ARRAYS})
    document = {
        "format": FORMAT,
        "agent": agent,
        "scenario_hash": scenario_hash,
        **entries,
        "plan": {"name": plan.name, "kind": plan.kind},
        "features": list(features),
        "actions": list(actions),
        "sha256": {name: sha256_of(folder / name) for name in (*files, _PLAN)},
    }
    with replace_file(folder / "policy.json") as temporary:
        temporary.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedPolicy:
    """A policy's folder whose files are whole.

    Attributes:
        folder: Where it is.
        entries: What ``policy.json`` says.
        plan: The plan.
    """

    folder: Path
    entries: Mapping[str, object]
    plan: ScheduledPolicy

    def arrays(self, name: str) -> Arrays:
        """The arrays of one of its files.

        Raises:
            PolicyError: ``policy.json`` does not vouch for it, or it is damaged.
        """
        if name not in cast("dict[str, str]", self.entries["sha256"]):
            raise PolicyError(f"{self.folder / 'policy.json'} is damaged: it holds no hash of {name}.")
        return _read_arrays(self.folder / name)

    def check_names(self, scenario: Scenario, *, features: Sequence[str], actions: Sequence[str]) -> None:
        """Check that the policy reads and answers what a scenario has.

        Raises:
            PolicyError: It does not.
        """
        for what, names in (("features", features), ("actions", actions)):
            if self.entries[what] != list(names):
                raise PolicyError(
                    f"The policy in {self.folder} knows other {what} than {scenario.name} has: other names or another "
                    "version of xbopt. Train one on this scenario."
                )


def read_policy(folder: Path, scenario: Scenario, entries: Iterable[str]) -> SavedPolicy:
    """Read a policy for a scenario; it writes nothing.

    Args:
        folder: The policy's folder.
        scenario: The scenario.
        entries: The agent's own entries of ``policy.json``.

    Raises:
        PolicyError: A file is missing, damaged or of another format, or the policy was trained for a market of
            another shape.
    """
    document = _document(folder, _ENTRIES.union(entries))
    if document["format"] != FORMAT:
        raise PolicyError(f"{folder} holds a policy of format {document['format']}; {FORMAT} can be read.")
    for name, expected in cast("dict[str, str]", document["sha256"]).items():
        if not (folder / name).is_file() or sha256_of(folder / name) != expected:
            raise PolicyError(
                f"{folder / name} is missing or damaged: its hash is not the one in policy.json. Restore it, or train "
                "again."
            )
    about = cast("dict[str, str]", document["plan"])
    arrays = _read_arrays(folder / _PLAN)
    plan = ScheduledPolicy(
        name=about["name"],
        spend_base=np.asarray(arrays["spend_base"], dtype=np.float64),
        daypart_weights=np.asarray(arrays["daypart_weights"], dtype=np.float64),
        discount_frac=np.asarray(arrays["discount_frac"], dtype=np.float64),
        mechanic=np.asarray(arrays["mechanic"], dtype=np.int64),
        kind=cast("PolicyKind", about["kind"]),
    )
    shape = (scenario.days, *scenario.shape[:3])
    if plan.spend_base.shape != shape:
        raise PolicyError(
            f"The policy in {folder} was trained for another market: its plan has shape {plan.spend_base.shape}; "
            f"{shape} is wanted, axes (T, R, S, C). Train one on {scenario.name}, or load it with the scenario.yaml of "
            "its run."
        )
    return SavedPolicy(folder=folder, entries=document, plan=plan)


def _document(folder: Path, entries: set[str]) -> dict[str, object]:
    path = folder / "policy.json"
    try:
        document: object = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PolicyError(f"{folder} holds no policy: policy.json is missing.") from None
    except (OSError, ValueError) as error:
        raise PolicyError(f"{path} is damaged: {error}") from error
    if not isinstance(document, dict) or not entries <= set(cast("dict[str, object]", document)):
        raise PolicyError(f"{path} is damaged: {', '.join(sorted(entries))} are wanted.")
    return cast("dict[str, object]", document)


def _read_arrays(path: Path) -> Arrays:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise PolicyError(f"{path} is damaged: {error}") from error
