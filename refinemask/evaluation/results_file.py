"""Read a file of COCO results."""

from pathlib import Path
from typing import Any

from refinemask.data.json_files import read_json
from refinemask.errors import RefineMaskError


def read_results_file(path: Path) -> list[Any]:
    """Return the list that a file of COCO results has; its entries are not checked.

    Raises:
        RefineMaskError: it cannot be read or has no list.
    """
    results = read_json(path, "results", "a list of COCO results")
    if not isinstance(results, list):
        raise RefineMaskError(
            f"{path} is not a list of COCO results but of type {type(results).__name__}; "
            "give annotations by --dataset, and what `refinemask predict --json` wrote by --results"
        )
    return results
