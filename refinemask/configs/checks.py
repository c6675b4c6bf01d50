"""Checks that several configurations share; each raises a RefineMaskError."""

from refinemask.errors import RefineMaskError


def check_counts(config: object, least: int, *names: str) -> None:
    """Check that fields hold integers that are not below `least`."""
    for name in names:
        value = getattr(config, name)
        if type(value) is not int or value < least:
            raise RefineMaskError(f"{name} must be an integer >= {least}, got {value!r}")


def check_at_least(config: object, least: float, *names: str) -> None:
    """Check that fields hold finite numbers that are not below `least`."""
    for name in names:
        value = getattr(config, name)
        if not least <= value < float("inf"):
            raise RefineMaskError(f"{name} must be a finite number >= {least}, got {value!r}")
