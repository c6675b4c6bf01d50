"""Read a file of COCO results, and match it with a dataset."""

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from refinemask.data.dataset import EvaluationDataset
from refinemask.data.json_files import read_json, use_integers
from refinemask.errors import RefineMaskError
from refinemask.inference.file_names import FileNames

logger = logging.getLogger(__name__)


def read_results_file(
    path: Path, dataset: EvaluationDataset, renamed: Mapping[str, str] | None = None
) -> list[Any]:
    """Return the list that a file of COCO results has, with the ids of a dataset.

    `predict` writes file names as the ids of images where it has no dataset, and the model's ids of
    categories with their names as `category_name`. Names are matched with those of the dataset;
    what has ids keeps them. Results of classes that the dataset lacks are left out, with a warning.

    Args:
        path: the file.
        dataset: what the results are for.
        renamed: the dataset's names for classes by the names that the results have.

    Returns:
        The results; what they contain else is not checked.

    Raises:
        RefineMaskError: the file cannot be read or has no list, or it does not follow from its
            names which images or classes are meant.
    """
    results = read_json(path, "results", "a list of COCO results")
    if not isinstance(results, list):
        raise RefineMaskError(
            f"{path} is not a list of COCO results but of type {type(results).__name__}; "
            "give annotations by --dataset, and what `refinemask predict --json` wrote by --results"
        )
    entries = [entry for entry in results if isinstance(entry, dict)]
    if len(entries) < len(results):
        return results  # to be refused entry by entry
    for entry in entries:
        use_integers(entry, ("image_id", "category_id"))
    by_name = _name_images(entries, dataset)
    return _match_classes(path, entries, dataset, renamed or {}, by_name)


def _name_images(entries: Iterable[dict[str, Any]], dataset: EvaluationDataset) -> bool:
    """Replace file names by the ids of their images; return whether there were any."""
    known = set(dataset.image_ids)
    id_of: FileNames[int | str] | None = None
    by_name = False
    for entry in entries:
        name = entry.get("image_id")
        if not isinstance(name, str) or name in known:
            continue
        if id_of is None:
            id_of = FileNames(
                (image.get("file_name") or image.get("coco_url") or "", image["id"])
                for image in dataset.ground_truth["images"]
            )
        found = id_of.find(name)
        if found is not None:
            entry["image_id"] = found
            by_name = True
    return by_name


def _match_classes(
    path: Path,
    entries: list[dict[str, Any]],
    dataset: EvaluationDataset,
    renamed: Mapping[str, str],
    by_name: bool,
) -> list[dict[str, Any]]:
    """Return the results of classes that the dataset has, with its ids."""
    id_of = dict(zip(dataset.class_names, dataset.category_ids, strict=True))
    names = {entry["category_name"] for entry in entries if _names_class(entry)}
    check_renamed(renamed, names, id_of, str(path))
    kept = []
    for entry in entries:
        if not _names_class(entry):
            kept.append(entry)
            continue
        name = renamed.get(entry["category_name"], entry["category_name"])
        if name in id_of:
            kept.append(entry | {"category_id": id_of[name]})
    others = sorted(name for name in names if renamed.get(name, name) not in id_of)
    if others:
        logger.warning(
            "%s: left out the results of classes that the dataset lacks: %s",
            path,
            ", ".join(others[:10]),
        )
    if by_name and len(names) == 0:
        _warn_of_unnamed(path, dataset)
    return kept


def _names_class(entry: Mapping[str, Any]) -> bool:
    return isinstance(entry.get("category_name"), str)


def _warn_of_unnamed(path: Path, dataset: EvaluationDataset) -> None:
    classes = zip(dataset.category_ids, dataset.class_names, strict=True)
    logger.warning(
        "%s has file names as ids of images, but no names of classes: taking its category ids for "
        "those of the dataset: %s",
        path,
        ", ".join(f"{id_} {name}" for id_, name in list(classes)[:10]),
    )


def check_renamed(
    renamed: Mapping[str, str], model: Iterable[str], dataset: Iterable[str], source: str
) -> None:
    """Check the names of `--map`.

    Args:
        renamed: the dataset's names by the model's.
        model: names that the model or the results have.
        dataset: names that the dataset has.
        source: what `model` are the names of.

    Raises:
        RefineMaskError: one of them is not there.
    """
    for names, there, owner in (
        (renamed.keys(), set(model), source),
        (renamed.values(), set(dataset), "the dataset"),
    ):
        unknown = [name for name in names if name not in there]
        if unknown:
            listed = ", ".join(sorted(there)[:20]) or "no names of classes"
            raise RefineMaskError(
                f"--map: {owner} has no class {unknown[0]!r}; it has {listed}, and --map takes "
                "MODEL=DATASET"
            )
