"""Options that several commands have."""

import sys
from pathlib import Path
from typing import Annotated

from refinemask.configs.options import Option
from refinemask.errors import RefineMaskError, WrongUsage

BnEps = Annotated[
    float | None,
    Option(
        min=0,
        help="Epsilon of the checkpoint's batch norms, which other tools do not record: 0 for "
        "torchvision's COCO_V1 weights; default: 1e-5.",
    ),
]
Device = Annotated[
    str,
    Option(
        metavar="auto|cpu|cuda:N",
        help="Where to run; auto: a GPU if available for PyTorch, the CPU for other runtimes. "
        "Plugin providers of ONNX Runtime also have gpu:N and npu:N.",
    ),
]


def _read_destination(path: str) -> str:
    """Refuse a file that cannot be written before the work, not after it."""
    from refinemask.files import check_destination

    if path == "-" and sys.stdout is None:
        raise WrongUsage("--json -: standard output is closed; give a file")
    try:
        if path != "-":
            check_destination(Path(path))
    except RefineMaskError as error:
        raise WrongUsage(f"--json: {error}") from error
    return path


Json = Annotated[
    str | None,
    Option(
        metavar="PATH|-",
        read=_read_destination,
        help="Write the result as JSON to a file, or to standard output instead of the table.",
    ),
]
