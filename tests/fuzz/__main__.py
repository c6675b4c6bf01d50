"""Fuzz the readers of files that come from strangers: `python -m tests.fuzz TARGET`.

Each input is read in a child process. It may be read, or refused by a RefineMaskError; any other
exception, a signal, more than 4 GiB or more than 60 s is a failure, and the exit code is 1.
"""

import argparse
import sys
from pathlib import Path

from tests.fuzz.campaign import fuzz, keep
from tests.fuzz.child import Failure, Limits, find_failure
from tests.fuzz.targets import TARGETS, Target


def main() -> int:
    """Run targets for a while each, or one on one input."""
    parser = argparse.ArgumentParser("python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="default: all")
    parser.add_argument("--list", action="store_true", help="print the names of the targets")
    parser.add_argument("--seconds", type=float, default=60, help="0 reads the corpus alone")
    parser.add_argument("--seed", type=int, default=1, help="decides the mutations")
    parser.add_argument("--input", type=Path, help="read this input alone, and say what fails")
    arguments = parser.parse_args()
    unknown = set(arguments.targets) - set(TARGETS)
    if unknown:
        parser.error(f"unknown target {', '.join(unknown)}; choose from {', '.join(TARGETS)}")
    if arguments.list:
        return _say("\n".join(TARGETS))
    targets = [TARGETS[name] for name in arguments.targets or TARGETS]
    if arguments.input is None:
        return max(_fuzz(target, arguments.seconds, arguments.seed) for target in targets)
    if len(targets) > 1:
        parser.error("--input requires the one target that reads it")
    _, failure = find_failure(targets[0].read, [arguments.input.read_bytes()], Limits())
    _say(f"{failure.name}\n{failure.report}" if failure else "no failure")
    return int(failure is not None)


def _fuzz(target: Target, seconds: float, seed: int) -> int:
    failures = []

    def found(failure: Failure, data: bytes) -> None:
        failures.append(failure)
        path = keep(target, data)
        _say(f"{target.name}: {failure.name}\n{failure.report}")
        _say(f"again: python -m tests.fuzz {target.name} --input {path}\n")

    count = fuzz(target, seconds, seed, found)
    _say(f"{target.name}: {count} inputs, {len(failures)} kinds of failures")
    return int(bool(failures))


def _say(text: str) -> int:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
