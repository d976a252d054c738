"""Evidence for a policy: a certificate counts for the policy, the exploration and the scenario that it was made for."""

import json
import math
from pathlib import Path
from typing import cast

from xbopt.core.decisions.policy import Policy
from xbopt.core.documents.seal import seal_holds
from xbopt.core.errors import SupportError, UsageError
from xbopt.core.scenario.scenario import Scenario
from xbopt.ope.logs.log_policy import PolicyIdentity

FORMAT, FORMAT_VERSION = "xbopt.evaluation", 2
_LARGEST = 1 << 24
_EXPLORES, _SHADOW = "+explore", "shadow"
_HOW = "write one with: xbopt evaluate LOG --policy P --certificate FILE"


def read_certificate(path: Path, policy: Policy, scenario: Scenario, run: Path | None) -> bytes:
    """A certificate of ``xbopt evaluate --certificate`` that speaks for a policy.

    A plan is what its name and its scenario say; a trained policy is the files in the ``policy`` folder of its run.
    Both have to be exported with the exploration with which they were evaluated.

    Args:
        path: The certificate.
        policy: What is exported, with its exploration.
        scenario: Its scenario.
        run: The training run; None for a built-in plan.

    Raises:
        UsageError: It cannot be read, is of an older format, or is for another policy, exploration or scenario.
        SupportError: It says that the log could not answer, that the policy is worse than what was done, or nothing of
            the difference.
    """
    data, document = _read(path)
    _check_policy(path, document, policy, scenario, run)
    given = document.get("scenario_hash")
    if given != scenario.hash:
        raise UsageError(
            f"{path} is for a scenario with the hash {given or '(none)'}; this policy was made for {scenario.hash}."
        )
    if not seal_holds(document):
        raise UsageError(
            f"{path} was changed after it was written: its figures are not those of its sha256. Evaluate again."
        )
    _check_answer(path, document)
    return data


def certificate_notes(certificate: bytes) -> list[str]:
    """What whoever serves a bundle should know of its certificate."""
    document = cast("dict[str, object]", json.loads(certificate))
    cautious = document.get("verdict") != "ANSWER"
    notes = ["The certificate's verdict is CAUTION; read its reasons before serving."] if cautious else []
    if not _number(document, "difference", "low") > 0.0:
        notes.append("The certificate does not show with confidence that the policy is better than the logging policy.")
    return notes


def _read(path: Path) -> tuple[bytes, dict[str, object]]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    try:
        read: object = json.loads(data) if len(data) <= _LARGEST else None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is no certificate: {error}.") from error
    document = cast("dict[str, object]", read) if isinstance(read, dict) else {}
    if document.get("format") != FORMAT:
        raise UsageError(f"{path} is no certificate; {_HOW}")
    if document.get("format_version") != FORMAT_VERSION:
        raise UsageError(
            f"{path} is of format version {document.get('format_version')}; version {FORMAT_VERSION} can be read, "
            "which says for which policy it is. Evaluate again with this version of xbopt."
        )
    return data, document


def _check_policy(
    path: Path, document: dict[str, object], policy: Policy, scenario: Scenario, run: Path | None
) -> None:
    given = document.get("policy")
    about = cast("dict[str, object]", given) if isinstance(given, dict) else {}
    name, kind = str(about.get("name")), str(about.get("kind"))
    base, _, share = policy.name.partition(_EXPLORES)
    explores = bool(share) and float(share) > 0.0  # a policy that explores nothing is the policy
    none = f"{_EXPLORES}0"
    is_shadow = kind.startswith(_SHADOW)
    if run is not None:
        wanted, option = PolicyIdentity.of_path(run / "policy", "run directory").sha256, str(run)
    else:
        # A shadow plays without further exploration, whatever it is called.
        plain = policy.name if explores and not is_shadow else base
        wanted, option = PolicyIdentity.of_name(f"{plain}|{scenario.hash}").sha256, f"{base} --scenario SCENARIO"
    option += f" --exploration {share}" if explores else ""
    again = f"Evaluate it: xbopt evaluate LOG --policy {option} --certificate FILE"
    if about.get("sha256") != wanted:
        raise UsageError(
            f"{path} is for another policy: for {name} ({kind}, sha256 {str(about.get('sha256'))[:12]}), and what is "
            f"exported is {policy.name} (sha256 {wanted[:12]}). {again}"
        )
    if explores if is_shadow else (run is not None and name.removesuffix(none) != policy.name.removesuffix(none)):
        raise UsageError(
            f"{path} is for {name}, and what is exported is {policy.name}: another share of exploration is another "
            f"policy. {again}"
        )


def _check_answer(path: Path, document: dict[str, object]) -> None:
    verdict = document.get("verdict")
    if verdict not in {"ANSWER", "CAUTION"}:
        raise SupportError(
            f"{path} says {verdict}: the log cannot tell what this policy would earn, so it proves nothing. Gather a "
            "log with more exploration, or export with --unproven."
        )
    low, high = _number(document, "difference", "low"), _number(document, "difference", "high")
    if math.isnan(low) or math.isnan(high) or low > high:
        raise SupportError(
            f"{path} does not say how the policy compares with what was done, so it proves nothing. Evaluate on a log "
            "that can tell the difference, or export with --unproven."
        )
    if high < 0.0:
        raise SupportError(
            f"{path} shows that the policy earns less than what was done: the difference lies between {low:.6g} and "
            f"{high:.6g}. Keep what is done, or export with --unproven."
        )


def _number(document: dict[str, object], part: str, name: str) -> float:
    """A figure of a certificate; NaN where it has none."""
    inner = document.get(part)
    value = cast("dict[str, object]", inner).get(name) if isinstance(inner, dict) else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
