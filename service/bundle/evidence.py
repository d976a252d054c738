"""A certificate as evidence: it counts for the policy, the exploration and the scenario that it was made for."""

import math
from dataclasses import dataclass
from typing import Literal, cast

from xbopt.core.documents.seal import seal_holds
from xbopt.core.errors import SupportError, UsageError
from xbopt.service.bundle.formats import read_once

FORMAT, FORMAT_VERSION = "xbopt.evaluation", 2
_LARGEST = 1 << 24
_ROUNDING = 1e-9
"""Share of an interval's far end below which its near end is zero: a policy held against itself differs by rounding."""
EXPLORES, _SHADOW = "+explore", "shadow"
_HOW = "write one with: xbopt evaluate LOG --policy P --certificate FILE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a certificate has to be about.

    Attributes:
        policy: Name of the policy, with its exploration.
        policy_sha256: Hash of the files of a trained policy; of name and scenario for a built-in plan.
        scenario_hash: Hash of the scenario.
        again: How to get the certificate that is wanted.
    """

    policy: str
    policy_sha256: str
    scenario_hash: str
    again: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a certificate says of its policy; money as it stands in the log that was evaluated.

    Attributes:
        verdict: Whether the log could answer.
        value: Estimated reward of a decision, None where the certificate holds none.
        low: Lower end of the interval of the difference to what was done.
        high: Its upper end.
        log_sha256: Hash of the log; empty where the certificate holds none.
        by_itself: Whether the policy itself wrote the log, so that it is compared with nothing else.
    """

    verdict: Literal["ANSWER", "CAUTION"]
    value: float | None
    low: float
    high: float
    log_sha256: str
    by_itself: bool = False

    @property
    def words(self) -> str:
        """The evidence in one sentence."""
        value = "" if self.value is None else f"a decision brings {self.value:,.6g}, "
        log = f", from the log {self.log_sha256[:16]}" if self.log_sha256 else ""
        return f"evidence: {self.verdict}, {value}{self.low:,.6g} to {self.high:,.6g} more than what was done{log}"

    @property
    def notes(self) -> list[str]:
        """What whoever serves the policy should know."""
        notes: list[str] = []
        if self.verdict == "CAUTION":
            notes.append("The certificate's verdict is CAUTION; read its reasons before serving.")
        if self.by_itself:
            notes.append(
                "The policy itself wrote the log of its certificate: what it earns is known, not whether that is more "
                "than anything else. Log with more exploration than is exported, or what is done now."
            )
        elif not self.low > _ROUNDING * self.high:
            notes.append(
                "The certificate does not show with confidence that the policy is better than the logging policy."
            )
        return notes


def read_evidence(data: bytes, name: str, subject: Subject) -> Evidence:
    """The evidence of a certificate of ``xbopt evaluate --certificate`` for a policy.

    Args:
        data: The certificate.
        name: Its file, for messages.
        subject: What it has to be about.

    Raises:
        UsageError: It is no certificate, is of an older format, was changed, or is for another policy, exploration or
            scenario.
        SupportError: It says that the log could not answer, that the policy is worse than what was done, or nothing of
            the difference.
    """
    document = _read(data, name)
    _check_subject(document, name, subject)
    if not seal_holds(document):
        raise UsageError(
            f"{name} was changed after it was written: its figures are not those of its sha256. Evaluate again."
        )
    verdict, low, high = _answer(document, name)
    value, given = _number(document, "value", "value"), document.get("log")
    log = cast("dict[str, object]", given) if isinstance(given, dict) else {}
    digest = log.get("sha256")
    return Evidence(
        verdict=verdict,
        value=value if math.isfinite(value) else None,
        low=low,
        high=high,
        log_sha256=digest if isinstance(digest, str) else "",
        by_itself=log.get("logging_policies") == [subject.policy],
    )


def _read(data: bytes, name: str) -> dict[str, object]:
    try:
        read: object = read_once(data) if len(data) <= _LARGEST else None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{name} is no certificate: {error}.") from error
    document = cast("dict[str, object]", read) if isinstance(read, dict) else {}
    if document.get("format") != FORMAT:
        raise UsageError(f"{name} is no certificate; {_HOW}")
    version = document.get("format_version")
    if version != FORMAT_VERSION or not isinstance(version, int):
        raise UsageError(
            f"{name} is of format version {_words(version)}; version {FORMAT_VERSION} can be "
            "read, which says for which policy it is. Evaluate again with this version of xbopt."
        )
    return document


def _check_subject(document: dict[str, object], name: str, subject: Subject) -> None:
    given = document.get("policy")
    about = cast("dict[str, object]", given) if isinstance(given, dict) else {}
    policy, kind, none = _words(about.get("name")), _words(about.get("kind")), f"{EXPLORES}0"
    # A shadow plays without further exploration, whatever it is called; a share of 0 is no exploration.
    explores, is_shadow = share_of(subject.policy) > 0.0, kind.startswith(_SHADOW)
    if about.get("sha256") != subject.policy_sha256 and not (is_shadow and explores):
        raise UsageError(
            f"{name} is for another policy: for {policy} ({kind}, sha256 {_words(about.get('sha256'))[:12]}), and what "
            f"is exported is {subject.policy} (sha256 {subject.policy_sha256[:12]}). {subject.again}"
        )
    if explores if is_shadow else policy.removesuffix(none) != subject.policy.removesuffix(none):
        raise UsageError(
            f"{name} is for {policy}, and what is exported is {subject.policy}: another share of exploration is "
            f"another policy. {subject.again}"
        )
    scenario = document.get("scenario_hash")
    if scenario != subject.scenario_hash:
        raise UsageError(
            f"{name} is for a scenario with the hash {_words(scenario) if scenario else '(none)'}; this policy was "
            f"made for {subject.scenario_hash}."
        )


def exploration_note(shape: str, exploration: float | None, tactics: int) -> str:
    """What the log of a bundle's decisions will not be able to tell; empty where it can judge any policy of its menu.

    Args:
        shape: ``tactic``, ``factored`` or ``direct``.
        exploration: Share of exploration; None where it is not known.
        tactics: Number of tactics on the menu.
    """
    if shape == "direct":
        return (
            "The log of this bundle will judge no policy: it names its decisions outright and has no probabilities. "
            "Plans and re-planners explore with --exploration 0.2; a run does where it was trained with --option "
            "encoding=residual or tactics."
        )
    if shape == "factored":
        return (
            "The log of this bundle will judge no other policy: it takes one level of every factor with probability 1. "
            "Evaluate and export with --exploration 0.1."
            if exploration == 0.0
            else ""
        )
    if tactics == 1:
        return (
            "The log of this bundle will judge no other policy: its menu has one tactic, so nothing is chosen. "
            "Give the scenario's tactics more than one discount, intensity, mix or timing."
        )
    if exploration == 0.0:
        return (
            "The log of this bundle will judge no other policy: it takes every tactic with probability 1 or 0. "
            "Evaluate and export with --exploration 0.2."
        )
    return ""


def share_of(policy: str) -> float:
    """The share of exploration that a policy's name tells; 0 where it tells none."""
    _, _, share = policy.rpartition(EXPLORES) if EXPLORES in policy else ("", "", "")
    try:
        return float(share) if share else 0.0
    except ValueError:
        return 0.0


def _answer(document: dict[str, object], name: str) -> tuple[Literal["ANSWER", "CAUTION"], float, float]:
    """Verdict and interval of the difference."""
    given = document.get("verdict")
    verdict: Literal["ANSWER", "CAUTION"] = "ANSWER" if given == "ANSWER" else "CAUTION"
    if given != verdict:
        raise SupportError(
            f"{name} says {_words(given)}: the log cannot tell what this policy would earn, so it proves nothing. "
            "Gather a log with more exploration, or export with --unproven."
        )
    low, high = _number(document, "difference", "low"), _number(document, "difference", "high")
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        raise SupportError(
            f"{name} does not say how the policy compares with what was done, so it proves nothing. Evaluate on a log "
            "that can tell the difference, or export with --unproven."
        )
    if high < _ROUNDING * low:
        raise SupportError(
            f"{name} shows that the policy earns less than what was done: the difference lies between {low:.6g} and "
            f"{high:.6g}. Keep what is done, or export with --unproven."
        )
    return verdict, low, high


def _number(document: dict[str, object], part: str, name: str) -> float:
    """A figure of a certificate; NaN where it has none."""
    inner = document.get(part)
    value = cast("dict[str, object]", inner).get(name) if isinstance(inner, dict) else None
    if not isinstance(value, int | float) or isinstance(value, bool):
        return math.nan
    try:
        return float(value)
    except OverflowError:  # a whole number of hundreds of digits
        return math.nan


def _words(value: object) -> str:
    """What a certificate says, short enough for a message and without signs that a terminal would obey."""
    return "".join(sign if sign.isprintable() else "?" for sign in str(value)[:100])
