"""Count what becomes of mutated inputs: `python -m tests.fuzz.outcomes COUNT`.

A target whose inputs are nearly all refused by one check tests that check alone.
"""

import json
import re
import sys
import tempfile
from collections import Counter
from pathlib import Path
from random import Random

from refinemask.errors import RefineMaskError
from tests.fuzz.targets import TARGETS, Target


def count_outcomes(target: Target, count: int) -> Counter[str]:
    """Read mutated inputs; return how many are read, and how many each message refuses."""
    seeds = target.seeds()
    outcomes: Counter[str] = Counter()
    for number in range(count):
        with tempfile.TemporaryDirectory() as folder:
            outcome = "read"
            try:
                target.read(target.mutated(seeds, Random(f"1/{number}")), Path(folder))
            except RefineMaskError as error:
                outcome = str(error).replace(folder, "")
        outcomes[re.sub(r"'[^']*'|[-+.\d]+", "#", outcome)[:60]] += 1
    return outcomes


if __name__ == "__main__":
    found = {name: count_outcomes(one, int(sys.argv[1])) for name, one in TARGETS.items()}
    sys.stdout.write(json.dumps(found, indent=2) + "\n")
