"""Train the DeepLabV3+ of Figure 1: `python -m refinemask.benchmarks.figure1.deeplab_training`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from refinemask.benchmarks.figure1.deeplab_training.options import DeepLabOptions
from refinemask.commands import new_program
from refinemask.configs.options import Option
from refinemask.console import progress_bar, say
from refinemask.errors import RefineMaskError


def deeplab(
    options: DeepLabOptions,
    output: Annotated[Path, Option(metavar="FILE", help="The checkpoint to write (.safetensors).")],
) -> None:
    """Train DeepLabV3+ on foreground against background, for refinemask figure1 --semantic."""
    from refinemask.benchmarks.figure1.deeplab import save_deeplab
    from refinemask.benchmarks.figure1.deeplab_training.train import train_deeplab
    from refinemask.files import check_destination

    if output.exists():
        raise RefineMaskError(f"{output} already exists; choose another --output")
    check_destination(output)
    with progress_bar("training") as advance:
        model = train_deeplab(options, advance)
    save_deeplab(model, output, asdict(options))
    say(f"wrote {output}")


if __name__ == "__main__":
    new_program(deeplab=deeplab)()
