"""What the inference protocol tells about the model: metadata, configuration, index and statistics.

Names and fields are those of the Open Inference Protocol and of Triton's extensions to it.
"""

from time import time_ns
from typing import Literal

import msgspec

from xbopt.core.version import __version__
from xbopt.service.bundle.schema import Field, shape_of
from xbopt.service.deciding.allocator import Allocator
from xbopt.service.http.batches import MOST_ROWS
from xbopt.service.http.inference import told_outputs

PLATFORM = "onnxruntime_onnx"
_DATATYPES = {"float64": "FP64", "int64": "INT64"}


class ServerMetadata(msgspec.Struct, frozen=True):
    """About this server; ``extensions`` are those of Triton that it has."""

    name: str
    version: str
    extensions: list[str]


class TensorMetadata(msgspec.Struct, frozen=True):
    """An input or output; -1 stands for any number of decisions."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(msgspec.Struct, frozen=True):
    """The model that decides, its inputs and its outputs."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class ModelReady(msgspec.Struct, frozen=True):
    """A model that is ready; one that is not is answered with a problem document."""

    name: str
    ready: bool


class TensorConfig(msgspec.Struct, frozen=True):
    """An input or output; ``dims`` without the number of decisions, which comes first."""

    name: str
    data_type: str
    dims: list[int]


class ConfigParameter(msgspec.Struct, frozen=True):
    """A parameter of the model."""

    string_value: str


class ModelConfig(msgspec.Struct, frozen=True, rename={"inputs": "input", "outputs": "output"}):
    """How the model is set up; ``parameters`` has the bundle's content address and the hash of its schema."""

    name: str
    platform: str
    max_batch_size: int
    inputs: list[TensorConfig]
    outputs: list[TensorConfig]
    parameters: dict[str, ConfigParameter]


class IndexQuery(msgspec.Struct):
    """Which models are asked for: only ready ones, or all."""

    ready: bool = False


class IndexEntry(msgspec.Struct, frozen=True):
    """A model that there is."""

    name: str
    version: str
    state: Literal["READY", "UNAVAILABLE"]
    reason: str


class Duration(msgspec.Struct):
    """How many requests, and how long they took together."""

    count: int
    ns: int


class InferenceStatistics(msgspec.Struct):
    """Requests that were answered, and requests that were not."""

    success: Duration
    fail: Duration


class ModelStatistics(msgspec.Struct):
    """How a version of the model was used since the service started.

    Attributes:
        name: Its name.
        version: Its version.
        last_inference: When it was asked last, milliseconds since 1970; 0 for never.
        inference_count: Decisions that were made.
        execution_count: Batches of them.
        inference_stats: Requests and their time, by whether they were answered.
        batch_stats: Always empty: the time of a batch is not told by its size.
    """

    name: str
    version: str
    last_inference: int
    inference_count: int
    execution_count: int
    inference_stats: InferenceStatistics
    batch_stats: list[str]

    def count(self, rows: int, seconds: float) -> None:
        """Count a request: the decisions it was answered with, 0 where it was refused."""
        part = self.inference_stats.success if rows else self.inference_stats.fail
        part.count += 1
        part.ns += round(seconds * 1e9)
        self.inference_count += rows
        self.execution_count += bool(rows)
        self.last_inference = time_ns() // 1_000_000


class StatisticsAnswer(msgspec.Struct, frozen=True):
    """The use of the versions that served since the start."""

    model_stats: list[ModelStatistics]


class ModelUse:
    """Counts what every version of the model was asked."""

    def __init__(self) -> None:
        self._versions: dict[tuple[str, str], ModelStatistics] = {}

    def of(self, allocator: Allocator) -> ModelStatistics:
        """The counts of a bundle's version."""
        name, version = allocator.bundle.manifest.name, allocator.bundle.manifest.version
        if (name, version) not in self._versions:
            times = InferenceStatistics(Duration(0, 0), Duration(0, 0))
            self._versions[name, version] = ModelStatistics(name, version, 0, 0, 0, times, [])
        return self._versions[name, version]

    def all(self) -> list[ModelStatistics]:
        """The counts of every version that was asked for."""
        return list(self._versions.values())


def server_metadata() -> ServerMetadata:
    """The metadata of this server."""
    return ServerMetadata("xbopt", __version__, ["binary_tensor_data", "model_configuration", "statistics"])


def model_metadata(allocator: Allocator) -> ModelMetadata:
    """The metadata of the model that decides."""
    schema, manifest = allocator.bundle.schema, allocator.bundle.manifest
    inputs, outputs = (
        [TensorMetadata(field.name, _DATATYPES[field.dtype], list(shape_of(field, schema, -1))) for field in fields]
        for fields in _tensors(allocator)
    )
    return ModelMetadata(manifest.name, [manifest.version], PLATFORM, inputs, outputs)


def model_config(allocator: Allocator) -> ModelConfig:
    """The configuration of the model that decides."""
    schema, manifest = allocator.bundle.schema, allocator.bundle.manifest
    inputs, outputs = (
        [
            TensorConfig(field.name, f"TYPE_{_DATATYPES[field.dtype]}", list(shape_of(field, schema, -1)[1:]))
            for field in fields
        ]
        for fields in _tensors(allocator)
    )
    parameters = {"bundle": allocator.address, "schema_sha256": allocator.schema_sha256}
    return ModelConfig(
        name=manifest.name,
        platform=PLATFORM,
        max_batch_size=MOST_ROWS,
        inputs=inputs,
        outputs=outputs,
        parameters={name: ConfigParameter(value) for name, value in parameters.items()},
    )


def model_index(allocator: Allocator, *, ready: bool) -> list[IndexEntry]:
    """The one model that there is."""
    manifest = allocator.bundle.manifest
    state, reason = ("READY", "") if ready else ("UNAVAILABLE", "the service is starting or stopping")
    return [IndexEntry(manifest.name, manifest.version, state, reason)]


def _tensors(allocator: Allocator) -> tuple[list[Field], list[Field]]:
    """Inputs that a client gives, and outputs that it gets."""
    schema = allocator.bundle.schema
    return schema.asked, list(told_outputs(schema).values())
