"""The JSON files of a bundle, as strict types: a key too many, a key too few or a wrong type is refused."""

import hashlib
import json
from typing import Literal, TypeVar

import msgspec

from xbopt.core.errors import BundleError, UsageError

FORMAT_VERSION = 1
MOST_MISSING = 0.1
"""Share of a request's features that may be missing where the guardrails do not say."""
PolicyShape = Literal["tactic", "direct", "factored"]
OnTrouble = Literal["answer", "fallback", "refuse"]

MANIFEST, POLICY, SCHEMA, GUARDRAILS = "manifest.json", "policy.onnx", "schema.json", "guardrails.json"
PLAN, GOLDEN, CERTIFICATE, CARD, SIGNATURE = "plan.json", "golden.json", "ope.json", "CARD.md", "signature.json"
REQUIRED = (POLICY, SCHEMA, GUARDRAILS, PLAN, GOLDEN, CARD)
OPTIONAL = (CERTIFICATE,)
UNPROVEN = "**Unproven**"
"""How the card of a bundle without a certificate begins to say so."""


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Common settings of the types below."""


class FileEntry(Strict, frozen=True, kw_only=True):
    """Size and SHA-256 (64 hex digits) of one file."""

    bytes: int
    sha256: str


class Provenance(Strict, frozen=True, kw_only=True):
    """Where a bundle comes from.

    Attributes:
        xbopt_version: Version of the code that exported it.
        lock_sha256: Hash of the versions of the libraries that took part.
        scenario: Name of the scenario.
        scenario_hash: Its hash.
        policy: Name of the policy.
        policy_kind: What sort of policy it is.
        seeds: Seeds by what they were for.
        data_sha256: Hashes of data by name.
        libraries: Versions of the libraries that took part.
        exploration: Share of decisions drawn uniformly from the menu; left out where the policy is no such mixture.
        policy_sha256: Hash by which evaluations know the policy; left out in bundles of older versions, whose
            certificates are therefore bound to nothing.
    """

    xbopt_version: str
    lock_sha256: str
    scenario: str
    scenario_hash: str
    policy: str
    policy_kind: str
    seeds: dict[str, int] = {}
    data_sha256: dict[str, str] = {}
    libraries: dict[str, str] = {}
    # Left out, not null: what older versions exported is spelt without it.
    exploration: float | msgspec.UnsetType = msgspec.UNSET
    policy_sha256: str | msgspec.UnsetType = msgspec.UNSET


def lock_of(libraries: dict[str, str]) -> str:
    """Hash of the versions of libraries, by name."""
    lock = "\n".join(f"{name}=={version}" for name, version in sorted(libraries.items()))
    return hashlib.sha256(lock.encode()).hexdigest()


class Manifest(Strict, frozen=True, kw_only=True):
    """``manifest.json``: what the bundle is, and the hash of each file.

    Attributes:
        format_version: Version of the bundle format.
        name: Name of the policy in the service.
        version: Semantic version of the bundle.
        created: When it was made, UTC, as ``2026-11-24T09:00:00Z``.
        shape: ``tactic`` (probabilities over the menu), ``factored`` (probabilities of the levels of many factors) or
            ``direct`` (names its decision).
        files: Size and hash by file name.
        provenance: Where it comes from.
        content_address: ``sha256:`` and the SHA-256 of this manifest with this field empty.
    """

    format_version: int
    name: str
    version: str
    created: str
    shape: PolicyShape
    files: dict[str, FileEntry]
    provenance: Provenance
    content_address: str


class QuietHours(Strict, frozen=True, kw_only=True):
    """Hours in which channels keep silent in regions; they may run over midnight."""

    regions: list[str]
    channels: list[str]
    from_hour: int
    to_hour: int


class Guardrails(Strict, frozen=True, kw_only=True):
    """``guardrails.json``: what no decision may do, whatever the policy says. All of it is carried out.

    Attributes:
        guardrails_version: Version of this format.
        kill_switch: Answer with the fallback plan, always.
        on_drift: What to do with inputs outside what was seen.
        on_store_failure: What to do when a decision cannot be stored; ``answer`` makes no sense here.
        drift_deviations: A feature is out of range when it lies this many deviations beyond what was seen.
        most_missing_frac: Most of a request's features that may be missing, as a share; beyond it the plan answers.
            Left out in bundles that were made before there was such a limit; a tenth counts for them.
        cell_ceiling_base: Most spend a day of a cell and channel; empty for none.
        day_ceiling_base: Most spend a day.
        region_ceiling_base: Most spend a day by region; none where left out.
        channel_ceiling_base: Most spend a day by channel; none where left out.
        day_on_day_frac: Most change of a cell's spend from one day to the next, as a share of it; empty for none.
        discount_ceiling_frac: Deepest discount by cell, as ``region/segment``.
        cost_frac: Cost of goods by cell as a share of the list price.
        margin_floor_frac: Least (price - cost)/price after discount; empty for none.
        quiet_hours: When channels keep silent.
    """

    guardrails_version: int
    kill_switch: bool = False
    on_drift: OnTrouble = "fallback"
    on_store_failure: Literal["fallback", "refuse"] = "refuse"
    drift_deviations: float = 6.0
    most_missing_frac: float | msgspec.UnsetType = msgspec.UNSET
    cell_ceiling_base: float | None = None
    day_ceiling_base: float
    region_ceiling_base: dict[str, float] = {}
    channel_ceiling_base: dict[str, float] = {}
    day_on_day_frac: float | None = None
    discount_ceiling_frac: dict[str, float]
    cost_frac: dict[str, float]
    margin_floor_frac: float | None = None
    quiet_hours: list[QuietHours] = []

    @property
    def missing_allowed(self) -> float:
        """Most of a request's features that may be missing, as a share."""
        return MOST_MISSING if self.most_missing_frac is msgspec.UNSET else self.most_missing_frac


class Tensor(Strict, frozen=True, kw_only=True):
    """Numbers with a shape: little-endian float64 or int64, row by row, in base64."""

    dtype: Literal["float64", "int64"]
    shape: list[int]
    data: bytes


class Plan(Strict, frozen=True, kw_only=True):
    """``plan.json``: the plan that the service falls back to, and the limits it keeps.

    Attributes:
        plan_version: Version of this format.
        name: Name of the plan.
        arrays: ``spend_base (T, R, S, C)``, ``daypart_weights (R, C, H)``, ``discount_frac (T, R, S)``, ``mechanic
            (T, R, S)``, the limits, and for tactics ``tactic (T, R, S)``, the nearest on the menu.
        total_base: Budget of the whole horizon.
        daily_base: Most that one day may spend.
    """

    plan_version: int
    name: str
    arrays: dict[str, Tensor]
    total_base: float
    daily_base: float


class Golden(Strict, frozen=True, kw_only=True):
    """``golden.json``: inputs and the outputs that the policy itself gave, compared at load.

    Attributes:
        golden_version: Version of this format.
        rows: Number of pairs.
        tolerance: Largest difference that passes.
        inputs: Inputs by name; ``(rows, ...)`` where the input has the axis ``B``.
        outputs: Outputs by name ``(rows, ...)``.
    """

    golden_version: int
    rows: int
    tolerance: float
    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]


class Signature(Strict, frozen=True, kw_only=True):
    """``signature.json``: an ed25519 signature of the manifest's bytes; key and signature in hex."""

    algorithm: Literal["ed25519"]
    public_key: str
    signature: str


Document = TypeVar("Document", bound=msgspec.Struct)


def encode(document: msgspec.Struct) -> bytes:
    """The one spelling of a document: fields in order, keys of mappings sorted, two spaces, a line end."""
    return msgspec.json.format(msgspec.json.encode(document, order="deterministic"), indent=2) + b"\n"


def decode(data: bytes, kind: type[Document], file: str) -> Document:
    """Read a document, which has to be spelt as ``encode`` spells it.

    Raises:
        BundleError: It is no such document.
    """
    try:
        document = msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError) as error:
        raise BundleError(f"{file}: {error}. Export the bundle again.") from error
    if encode(document) != data:
        raise BundleError(f"{file} is not spelt as xbopt writes it, so it was changed. Export the bundle again.")
    return document


def read_document(data: bytes, kind: type[Document], file: str) -> Document:
    """Read a document that somebody wrote by hand: it may be spelt in any way.

    Raises:
        UsageError: It is no such document.
    """
    try:
        document = msgspec.json.decode(data, type=kind)
        read_once(data)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise UsageError(f"{file}: {error}.") from error
    return document


def read_once(data: bytes) -> object:
    """JSON in which no mapping holds a key twice.

    Raises:
        ValueError: It is no JSON, or a key stands in a mapping twice.
        RecursionError: It is nested too deeply.
    """
    return json.loads(data, object_pairs_hook=_once)


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """A mapping, unless a key stands in it twice: the last one would win without a word."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"{next(key for key in keys if keys.count(key) > 1)!r} stands in one mapping twice")
    return found
