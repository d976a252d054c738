"""Every test of this folder runs on both engines."""

from tests.engines import engine

__all__ = ["engine"]
