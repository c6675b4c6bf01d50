"""`python -m refinemask.benchmarks.operators`."""

import typer

from refinemask.benchmarks.operators.measure import operators
from refinemask.console import guarded

if __name__ == "__main__":
    typer.run(guarded(operators))
