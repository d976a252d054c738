"""A policy's graph as a program of the native kernel, and who works it out: the kernel where it gives the same.

The graph stays the reference. A program is checked like the graph itself, against golden vectors, and against the graph
on random inputs; where anything differs, or there is no kernel, onnxruntime runs the graph, and the reason is told.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Literal

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.errors import BundleError
from xbopt.core.randomness import named_generator
from xbopt.service.bundle.formats import Golden
from xbopt.service.bundle.golden import check_graph, compare
from xbopt.service.bundle.graph_inspection import Inspected
from xbopt.service.bundle.graph_session import Arrays, GraphSession, PolicyGraph, joined
from xbopt.service.bundle.kernel import kernel
from xbopt.service.bundle.layout import NotNativeError
from xbopt.service.bundle.lowering import lower
from xbopt.service.bundle.schema import CAPS, FEATURE_AXES, Field, Schema, shape_of

DeciderName = Literal["native", "graph"]
DECIDERS: Mapping[DeciderName, str] = {"native": "the native kernel", "graph": "onnxruntime"}
_RANDOM_ROWS = 64
_ROWS_AT_ONCE = 32
"""Rows of one call, during which Python's lock is held."""


class NativeGraph:
    """A policy's graph, run by the native kernel row by row: a row's bits depend on no other row.

    Args:
        graph: The graph.
        schema: What goes in and comes out.
        module: The kernel.
        level: Instruction level; all give the same bits.

    Raises:
        NotNativeError: The kernel has no steps for the graph.
    """

    def __init__(self, graph: Inspected, schema: Schema, module: ModuleType, *, level: str) -> None:
        lowered = lower(graph, schema, module.OPERATIONS)
        names = [field.name for field in schema.inputs]
        try:
            self._program: object = module.program(
                level, lowered.steps, lowered.fixed, lowered.constants, lowered.tensors, len(names), lowered.total
            )
        except IndexError as error:
            raise NotNativeError(str(error)) from error
        self._run = module.run
        self._inputs = names
        self._by_row = [field.name for field in schema.inputs if field.axes[0] == "B"]
        self._outputs = [(field.name, field.dtype, shape_of(field, schema, 1)[1:]) for field in schema.outputs]
        self._layouts: dict[int, np.dtype[np.void]] = {}

    def named(self, inputs: Mapping[str, FloatArray | IntArray]) -> Arrays:
        """The outputs by name.

        Raises:
            BundleError: An input names what is not there.
        """
        rows = len(inputs["day"])
        if rows <= _ROWS_AT_ONCE:
            return self._part(inputs, rows)
        parts: list[Arrays] = []
        for first in range(0, rows, _ROWS_AT_ONCE):
            part = dict(inputs)
            for name in self._by_row:
                part[name] = inputs[name][first : first + _ROWS_AT_ONCE]
            parts.append(self._part(part, min(_ROWS_AT_ONCE, rows - first)))
        return {name: joined([part[name] for part in parts]) for name, *_ in self._outputs}

    def _part(self, inputs: Mapping[str, FloatArray | IntArray], rows: int) -> Arrays:
        given = tuple([inputs[name] for name in self._inputs])
        layout = self._layouts.get(rows)
        if layout is None:
            layout = np.dtype([(name, kind, (rows, *shape)) for name, kind, shape in self._outputs])
            self._layouts[rows] = layout
        record = np.empty((), layout)
        try:
            self._run(self._program, given, record, rows)
        except ValueError:  # of an array whose entries do not lie side by side
            self._run(self._program, (*map(np.ascontiguousarray, given),), record, rows)
        except IndexError as error:
            raise BundleError(f"The graph of the policy failed: {error}") from error
        return {name: record[name] for name, *_ in self._outputs}


@dataclass(frozen=True, slots=True)
class Decider:
    """Who works a policy's graph out.

    Attributes:
        name: ``native`` for the kernel, ``graph`` for onnxruntime.
        reason: Why, as a sentence.
        graph: Does it.
    """

    name: DeciderName
    reason: str
    graph: PolicyGraph


def choose_decider(session: GraphSession, golden: Golden, schema: Schema, *, daily_base: float) -> Decider:
    """The native kernel, or onnxruntime where the kernel is not there, is not wanted, or gives something else.

    Args:
        session: The graph, which passed its own checks.
        golden: Its golden vectors.
        schema: Its inputs and outputs.
        daily_base: Most that a day may spend; spend is compared as a share of it.

    Raises:
        UsageError: The kernel is asked for and not there.
    """
    module, engine = kernel()
    if module is None:
        return Decider("graph", engine.reason, session)
    try:
        made = NativeGraph(session.inspected, schema, module, level=engine.level)
    except NotNativeError as error:
        return Decider("graph", f"The native kernel has no steps for this graph: {error}.", session)
    try:
        check_graph(golden, made, schema, daily_base=daily_base)
        drawn = random_inputs(schema)
        compare(made.named(drawn), session.named(drawn), golden.tolerance, daily_base)
    except BundleError as error:
        reason = f"The native kernel did not pass the checks of the bundle, so onnxruntime decides: {error}"
        logging.getLogger("xbopt").warning("%s", reason)
        return Decider("graph", reason, session)
    return Decider("native", f"It gives what the graph gives, and is faster ({engine.level}).", made)


def random_inputs(schema: Schema, rows: int = _RANDOM_ROWS, *, seed: int = 0) -> Arrays:
    """Inputs within the ranges of a schema: features as they were seen, any day, money and draws; some caps infinite.

    Args:
        schema: The schema.
        rows: How many.
        seed: Seed of the draws.
    """
    generator = named_generator(seed, "inputs of a native graph")
    budget = next(field.high for field in schema.inputs if field.name == "budget_base")
    most = 1.0 if budget is None else budget

    def drawn(field: Field) -> "FloatArray | IntArray":
        shape = shape_of(field, schema, rows)
        # What is forced or masked is the business of the golden checks.
        if field.name == "forced":
            return np.full(shape, -1, dtype=np.int64)
        if field.name in {"allowed", "default"}:
            return np.ones(shape)
        if field.axes[-1] in FEATURE_AXES:
            features = schema.features[field.axes[-1]]
            low, high = (np.array([getattr(one, end) for one in features]) for end in ("low", "high"))
        elif field.name in CAPS:
            share = generator.random(shape)
            return np.where(share > 0.5, np.inf, share * most)
        else:
            low, high = (0.0 if field.low is None else field.low), (most if field.high is None else field.high)
        if field.dtype == "int64":
            return generator.integers(int(low), int(high), size=shape, endpoint=True)
        return low + (high - low) * generator.random(shape)

    return {field.name: drawn(field) for field in schema.inputs}
