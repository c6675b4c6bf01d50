"""`refinemask figure1`: accuracy near outlines and away from them, as the paper's Figure 1."""

from pathlib import Path
from typing import Annotated

from refinemask.checkpoints.shipped import shipped_models
from refinemask.configs.options import Option
from refinemask.configs.shared_options import BnEps, Device
from refinemask.console import current_setup, progress_bar, say
from refinemask.errors import WrongUsage
from refinemask.models.device import torch_device


def figure1(
    dataset: Annotated[
        str, Option(metavar="SPEC", help="ANNOTATIONS.json or ANNOTATIONS.json@IMAGES_DIR.")
    ],
    output: Annotated[
        Path, Option(metavar="DIR", help="For figure1.png, figure1_crops.jpg and figure1.json.")
    ],
    model: Annotated[
        tuple[str, ...],
        Option(
            metavar="CHECKPOINT|NAME",
            help="A detector; may be repeated; default: the shipped models.",
        ),
    ] = (),
    bn_eps: BnEps = None,
    semantic: Annotated[
        Path | None,
        Option(
            metavar="CHECKPOINT",
            help="A DeepLabV3+, trained in a checkout of the repository by "
            "python -m refinemask.benchmarks.figure1.deeplab_training.",
        ),
    ] = None,
    width: Annotated[
        float,
        Option(
            metavar="SHARE",
            help="Width of the boundary region on either side, as a share of the image diagonal.",
        ),
    ] = 0.02,
    score_threshold: Annotated[
        float, Option(min=0, max=1, help="Detections with lower scores are not foreground.")
    ] = 0.5,
    crops: Annotated[int, Option(min=0, help="Number of crops to draw side by side.")] = 4,
    device: Device = "auto",
) -> None:
    """Compare models in the boundary region and in the rest of the images."""
    place = torch_device(device)
    if not model and bn_eps is not None:
        raise WrongUsage("--bn-eps requires --model")
    from refinemask.benchmarks.figure1.drawing import write_figure1
    from refinemask.benchmarks.figure1.measure import measure, table
    from refinemask.benchmarks.figure1.segmenters import open_segmenters, open_shared
    from refinemask.files import make_folder

    models = model or tuple(shipped_models())
    segmenters = open_segmenters(models, semantic, score_threshold, place, bn_eps)
    images = open_shared(dataset, segmenters)
    make_folder(output)
    with progress_bar("images") as advance:
        figures, cut = measure(segmenters, images, width, crops, advance)
    origin = {"dataset": "/".join(Path(dataset).parts[-2:]), "score_threshold": score_threshold}
    figures = origin | figures | {"setup": current_setup()}
    write_figure1(figures, cut, output)
    say(f"{table(figures)}\nwrote {output}")
