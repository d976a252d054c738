"""Work for the tests of workers. Its own file, since workers load it: they need no pytest."""

import os
import signal
import time
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from xbopt.core.errors import Problem, ScenarioError
from xbopt.core.randomness import named_generator


def draws(seed: int, part: int) -> np.ndarray:
    """Numbers that hang on the part alone, in 1 to 30 ms: a later part is often done first."""
    generator = named_generator(seed, f"tests/part/{part}")
    time.sleep(0.03 * generator.random())
    return generator.random(part + 1)


def refuses(part: int) -> int:
    if part == 3:
        raise ScenarioError([Problem(message="It is too much.", path="budget.total_base", line=7)])
    return part


def odd_error(part: int) -> int:
    class Odd(Exception):  # noqa: N818 - no other process can make one
        pass

    raise Odd(f"part {part}")


def waits_for(folder: Path, part: int) -> int:
    """Part 2 says who works on it, and waits to be killed, but only the first time."""
    if part == 2 and not (folder / "pid").exists():
        (folder / "made").write_text(str(os.getpid()))
        (folder / "made").rename(folder / "pid")
        time.sleep(60.0)
    return part * part


def dies_while_it_tells(folder: Path, part: int) -> bytes:
    """An answer of a megabyte, in the middle of which the worker of part 2 is killed the first time."""
    if part == 2 and not (folder / "told").exists():
        (folder / "told").touch()

        def half(pipe: Connection, message: bytes) -> None:
            os.write(pipe.fileno(), message[: len(message) // 2])
            os.kill(os.getpid(), signal.SIGKILL)

        Connection._send = half
    return bytes([part]) * 1_000_000


def dies(part: int) -> int:
    if part == 1:
        os._exit(9)
    return part


def says_who(folder: Path, part: int) -> int:
    """Leaves its process in a file, and takes long."""
    (folder / f"{part}.made").write_text(str(os.getpid()))
    (folder / f"{part}.made").rename(folder / f"{part}.pid")
    time.sleep(60.0 if part else 0.0)
    return part


def slow_square(folder: Path, part: int) -> int:
    """Takes a fifth of a second, and counts how often it is done."""
    with (folder / f"done-{part}").open("a") as file:
        file.write("x")
    time.sleep(0.2)
    return part * part
