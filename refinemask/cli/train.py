"""`refinemask train`: train a detector on data in COCO's format, or on embedded data."""

from contextlib import nullcontext
from typing import Annotated

import typer

from refinemask.commands import Given
from refinemask.configs.options import Option
from refinemask.configs.shared_options import Device
from refinemask.console import FAILED, INTERRUPTED, note, progress_bar, say
from refinemask.models.device import torch_device
from refinemask.training.options import CURVES, TrainOptions
from refinemask.training.schedules import PUBLISHED, resolve, schedule_flags

Schedule = Annotated[
    str,
    Option(
        choices=(*CURVES, *PUBLISHED),
        help="How the learning rate falls: step divides it by 10 after 8/12 and 11/12 of the run, "
        "cosine follows half a cosine. The others are published schedules, which also set epochs, "
        "batch size, learning rate, image sizes and repetition; explicit options take precedence.",
    ),
]


def train(
    options: Given[TrainOptions], schedule: Schedule = "step", device: Device = "auto"
) -> None:
    """Train a detector; Ctrl-C interrupts a run that --resume continues exactly.

    Several processes share the batches, each on a GPU of its own or on the CPU:
    torchrun --nproc-per-node N -m refinemask train ...
    """
    from refinemask.training import PeerFailed, processes
    from refinemask.training import train as run

    try:
        with processes() as world:
            place = torch_device(world.own_device(device))
            resolved = resolve(schedule, options.values | {"device": place})
            if world.is_main:
                note(f"training with {schedule_flags(resolved)}")
            with progress_bar("training") if world.is_main else nullcontext() as advance:
                checked = advance and (lambda n, total: advance(n, total, None, "reading images"))
                checkpoint = run(
                    resolved,
                    advance,
                    world,
                    checked,
                    announce=note if world.is_main else None,
                )
    except PeerFailed as error:  # the process that failed first has printed the reason
        interrupted = isinstance(error.__cause__, KeyboardInterrupt)
        raise typer.Exit(INTERRUPTED if interrupted else FAILED) from None
    if world.is_main:
        say(f"wrote {checkpoint}")
