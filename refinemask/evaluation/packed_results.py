"""COCO results in little memory: some hundred bytes each instead of more than a thousand."""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, overload

from refinemask.errors import RefineMaskError


class PackedResults(Sequence[Mapping[str, Any]]):
    """Results with boxes and run-length encoded masks; the objects are made when asked for."""

    def __init__(self) -> None:
        self._image_ids: list[int | str] = []
        self._sizes: list[tuple[int, int]] = []
        self._images = array("q")
        self._categories = array("q")
        self._numbers = array("d")
        self._counts: list[bytes] = []

    def add(self, image_id: int | str, results: Iterable[Mapping[str, Any]]) -> None:
        """Add the results of one image, which share the size of their masks.

        Raises:
            RefineMaskError: they are no results, as in a file that was changed.
        """
        try:
            packed = [_pack(result) for result in results]
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
            raise RefineMaskError(
                f"the predictions of image {image_id!r} are damaged ({error!r:.80}); predict them "
                "again, into another folder"
            ) from error
        place = len(self._image_ids)
        for category, numbers, counts, _ in packed:
            self._images.append(place)
            self._categories.append(category)
            self._numbers.extend(numbers)
            self._counts.append(counts)
        if packed:
            self._image_ids.append(image_id)
            self._sizes.append(packed[0][-1])

    def __len__(self) -> int:
        return len(self._counts)

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...

    @overload
    def __getitem__(self, index: slice) -> list[Mapping[str, Any]]: ...

    def __getitem__(self, index: int | slice) -> Any:
        """Return one result, or those of a slice."""
        if isinstance(index, slice):
            return [self[position] for position in range(*index.indices(len(self)))]
        index = range(len(self))[index]
        image = self._images[index]
        *box, score = self._numbers[5 * index : 5 * index + 5]
        return {
            "image_id": self._image_ids[image],
            "category_id": self._categories[index],
            "bbox": box,
            "score": score,
            "segmentation": {
                "size": list(self._sizes[image]),
                "counts": self._counts[index].decode("ascii"),
            },
        }


def _pack(result: Mapping[str, Any]) -> "tuple[int, array[float], bytes, tuple[int, int]]":
    """Return the category, the box and the score, and the counts and size of the mask."""
    x, y, width, height = result["bbox"]
    mask = result["segmentation"]
    rows, columns = mask["size"]
    (category,) = array("q", (result["category_id"],))
    numbers = array("d", (x, y, width, height, result["score"]))
    return category, numbers, mask["counts"].encode("ascii"), (rows, columns)
