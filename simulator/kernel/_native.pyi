# The compiled day: arrays in, arrays out (module.c), of 8-byte numbers in the order that fields.h says.

from typing import TypeAlias

from typing_extensions import Buffer, CapsuleType

Fields: TypeAlias = tuple[tuple[str, str], ...]
# Left key, right key, worlds, row of each slot, number of normals, day.
Stream: TypeAlias = tuple[int, int, Buffer, Buffer, int, int]

LEVELS: tuple[str, ...]
SIZES: str
OPERATIONS: tuple[str, ...]
MARKET_FIELDS: Fields
WORLD_FIELDS: Fields
STATE_FIELDS: Fields
DECISION_FIELDS: Fields
DRAW_FIELDS: Fields
OUTCOME_FIELDS: Fields
CHANNEL_FIELDS: Fields
DETAIL_FIELDS: Fields

def block(size: int, /) -> Buffer: ...
def market(sizes: tuple[int, ...], arrays: tuple[Buffer, ...], /) -> CapsuleType: ...
def worlds(market: CapsuleType, arrays: tuple[Buffer, ...], /) -> CapsuleType: ...
def play(
    level: str,
    market: CapsuleType,
    worlds: CapsuleType,
    limits: Buffer | None,
    state: tuple[Buffer, ...] | Buffer,
    window: Buffer,
    decision: tuple[Buffer, ...],
    draws: tuple[Buffer, ...] | Stream,
    evening: Buffer,
    outcome: Buffer,
    channels: Buffer | None,
    details: Buffer | None,
    day: int,
    count: int,
    threads: int,
    /,
) -> bool: ...
def draw(level: str, stream: Stream, out: Buffer, threads: int, /) -> None: ...
def evaluate(level: str, function: str, x: Buffer, y: Buffer, out: Buffer, /) -> None: ...
def program(
    level: str, steps: Buffer, fixed: int, constants: Buffer, tensors: Buffer, inputs: int, total: int, /
) -> CapsuleType: ...
def run(program: CapsuleType, inputs: tuple[Buffer, ...], outputs: Buffer, rows: int, /) -> None: ...
def read(values: tuple[object, ...], nestings: Buffer, bounds: Buffer, out: Buffer, /) -> bool: ...
