"""Mask AP by the protocol of Cityscapes (Cordts et al., CVPR 2016, Sec. 4.2), by its own scripts.

The scripts read instance maps and masks from image files. Masks are written to a temporary folder
and removed again one image after the other.
"""

import contextlib
import copy
import io
import tempfile
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from refinemask.data.instance_maps import read_instance_map
from refinemask.errors import RefineMaskError
from refinemask.evaluation.third_party import import_evaluator, old_numpy
from refinemask.inference.opencv import cv2
from refinemask.inference.rle import decode_rle

_MODULE = "cityscapesscripts.evaluation.evalInstanceLevelSemanticLabeling"


def cityscapes_metrics(
    images: Iterable[tuple[Path, Sequence[Mapping[str, Any]]]], class_names: Mapping[int, str]
) -> dict[str, Any]:
    """Measure results against the instance maps of Cityscapes.

    Pixels of groups and of void regions are ignored, instances of less than 100 pixels too. There
    is no limit on detections, and masks of different classes may overlap.

    Args:
        images: for each image its map `*_gtFine_instanceIds.png` and its COCO results.
        class_names: Cityscapes' name of each category id.

    Returns:
        {"mask": {"AP", "AP50"}, "classes": {name: {"AP", "AP50"}}}: fractions 0 to 1, -1 where
        there is nothing to find; "mask" is the mean over the classes.

    Raises:
        RefineMaskError: a class that Cityscapes does not evaluate, a map that cannot be read, or
            the scripts are not installed.
    """
    scripts = import_evaluator(_MODULE, "cityscapesScripts==2.3.0")
    arguments = copy.copy(scripts.args)
    arguments.quiet = True
    scripts.setInstanceLabels(arguments)
    unknown = sorted(set(class_names.values()) - set(arguments.instLabels))
    if unknown:
        raise RefineMaskError(
            f"Cityscapes does not evaluate the class {unknown[0]!r}; it does "
            f"{', '.join(arguments.instLabels)}; choose with --classes, or give --protocol coco"
        )
    arguments.instLabels = [name for name in arguments.instLabels if name in class_names.values()]
    matches: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="refinemask-") as folder, _errors_of(scripts):
        arguments.predictionPath = str(Path(folder).resolve())
        for instance_map, results in images:
            matches |= _match(scripts, instance_map, results, class_names, arguments)
        return _averages(scripts, matches, arguments)


def _match(
    scripts: ModuleType,
    instance_map: Path,
    results: Sequence[Mapping[str, Any]],
    class_names: Mapping[int, str],
    arguments: Any,
) -> dict[str, Any]:
    if not instance_map.is_file():
        raise RefineMaskError(
            f"there is no instance map {instance_map}; unpack gtFine beside leftImg8bit, or "
            "evaluate with --protocol coco"
        )
    folder = Path(arguments.predictionPath)
    lines, written = [], []
    size = read_instance_map(instance_map).shape
    for number, result in enumerate(results):
        path = folder / f"{number}.png"
        mask = decode_rle(result["segmentation"])
        if mask.shape != size:
            raise RefineMaskError(
                f"result {number} of {instance_map.name} is {mask.shape[0]} x {mask.shape[1]} "
                f"pixels, its image {size[0]} x {size[1]}; is it of another dataset?"
            )
        cv2.imwrite(str(path), mask.astype(np.uint8) * 255, [cv2.IMWRITE_PNG_COMPRESSION, 1])
        label = scripts.name2label[class_names[result["category_id"]]].id
        lines.append(f"{path.name} {label} {result['score']}")
        written.append(path)
    listing = folder / "results.txt"
    listing.write_text("\n".join(lines), encoding="utf-8")
    annotated = scripts.instances2dict([str(instance_map)])
    found = scripts.matchGtWithPreds([str(listing)], [str(instance_map)], annotated, arguments)
    for path in written:
        path.unlink()
    return found


def _averages(scripts: ModuleType, matches: dict[str, Any], arguments: Any) -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the mean of no defined class
        averages = scripts.computeAverages(scripts.evaluateMatches(matches, arguments), arguments)
    return {
        "mask": {"AP": _figure(averages["allAp"]), "AP50": _figure(averages["allAp50%"])},
        "classes": {
            name: {"AP": _figure(found["ap"]), "AP50": _figure(found["ap50%"])}
            for name, found in averages["classes"].items()
        },
    }


def _figure(value: float) -> float:
    return -1.0 if np.isnan(value) else float(value)


@contextlib.contextmanager
def _errors_of(scripts: ModuleType) -> Any:
    """Give the scripts NumPy's `in1d`, keep what they print, and turn their exits into errors."""
    printed = io.StringIO()
    try:
        with old_numpy(scripts, {"in1d": np.isin}), contextlib.redirect_stdout(printed):
            yield
    except SystemExit as error:
        said = printed.getvalue().strip().splitlines() or ["no reason given"]
        raise RefineMaskError(f"the scripts of Cityscapes gave up: {said[-1]}") from error
    except OSError as error:
        raise RefineMaskError(f"cannot evaluate by Cityscapes' scripts: {error}") from error
