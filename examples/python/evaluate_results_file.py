"""Measure box, mask and boundary AP of COCO results, whatever model made them.

    python evaluate_results_file.py instances_val2017.json results.json

The results are a JSON list of {"image_id", "category_id", "bbox", "score", "segmentation"}.
No image is read. Needs refinemask[torch].
"""

from pathlib import Path

import typer

from refinemask.data.open import open_dataset
from refinemask.evaluation import format_table, measure_file


def main(annotations: Path, results: Path) -> None:
    dataset = open_dataset(str(annotations), with_images=False)
    figures = measure_file(results, dataset)
    typer.echo(format_table(figures))
    boundary = figures.get("boundary")
    if boundary is not None:  # results without masks have none
        typer.echo(f"boundary AP: {boundary['AP']:.3f}")


if __name__ == "__main__":
    typer.run(main)
