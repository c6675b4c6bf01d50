"""The report of the suite: results compared with the targets, as JSON, Markdown and a page."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from refinemask.benchmarks.report.page import load_template
from refinemask.benchmarks.suite import charts
from refinemask.benchmarks.suite.gpu_model import gpu_model
from refinemask.benchmarks.suite.latency import FEW, MANY
from refinemask.benchmarks.suite.layout import scenes, typical_scene
from refinemask.benchmarks.suite.session import result_path
from refinemask.benchmarks.suite.targets import markdown, targets
from refinemask.configs.presets import preset
from refinemask.engines.runtimes import RUNTIMES
from refinemask.errors import RefineMaskError
from refinemask.evaluation.metric_names import KINDS
from refinemask.files import to_json, write_text
from refinemask.printable import printable

COMMANDS = ("latency", "peers", "scaling", "accuracy", "operators")
SIZES = ("AP", "APs", "APm", "APl")
Results = dict[str, dict[str, Any]]


def write_report(folder: Path) -> str:
    """Write `results.json`, `targets.md` and `report.html` of the results in a folder.

    Returns:
        The targets as a table in Markdown.

    Raises:
        RefineMaskError: there are no results, or they cannot be read.
    """
    results = read_results(folder)
    found = targets(results)
    first = next(result for name, result in results.items() if name in COMMANDS[:3])
    refinemask, maskrcnn = first["presets"]
    sizes = preset(refinemask).input
    scene = typical_scene(scenes(sizes.short_side, sizes.long_side, images=None), MANY)
    model = gpu_model((refinemask, maskrcnn), scene)
    everything = results | {"gpus": model, "targets": [target.to_dict() for target in found]}
    write_text(folder / "results.json", to_json(everything, indent=1) + "\n")
    table = markdown(found)
    write_text(folder / "targets.md", table + "\n")
    page = load_template("suite").render(
        summary=" ".join(_summary(results)),
        results=results,
        targets=found,
        gpus=model,
        charts=charts.all_charts(results, model),
        kinds=KINDS,
        sizes=SIZES,
        titles={name: runtime.title for name, runtime in RUNTIMES.items()},
        many=str(MANY),
        few=str(FEW),
        warnings=_warnings(results),
        setups={name: result["setup"] for name, result in results.items()},
    )
    write_text(folder / "report.html", printable(str(page)))
    return table


def read_results(folder: Path) -> Results:
    """Return the results of the commands whose files are in a folder.

    Raises:
        RefineMaskError: there is none of `latency`, `peers` and `scaling`, or a file is damaged.
    """
    results: Results = {}
    for name in COMMANDS:
        path = result_path(folder, name)
        try:
            if path.exists():
                results[name] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RefineMaskError(
                f"cannot read {path}: {error}; measure again with "
                f"python -m refinemask.benchmarks {name} --output {folder}"
            ) from error
    if not any(name in results for name in COMMANDS[:3]):
        raise RefineMaskError(
            f"there are no results in {folder}; make some with "
            f"python -m refinemask.benchmarks latency --output {folder}"
        )
    return results


def _warnings(results: Results) -> list[str]:
    return [
        f"{name}: {warning}"
        for name, result in results.items()
        for warning in result.get("warnings", ())
    ]


def _summary(results: Mapping[str, Any]) -> Iterator[str]:
    runtimes = results.get("latency", {}).get("runtimes", {})
    for runtime, found in runtimes.items():
        many, few = (found["ratios"]["exact"][str(count)]["ratio"] for count in (MANY, FEW))
        yield (
            f"In {RUNTIMES[runtime].title}, RefineMask takes {many:.2f} times as long as "
            f"Mask R-CNN with {MANY} detections, and {few:.2f} times with {FEW}."
        )
    ratios = results.get("peers", {}).get("ratios", {})
    ours = [one["ratio"] for name, one in ratios.items() if name.startswith("RefineMask, ")]
    if ours:
        yield f"It takes {min(ours):.2f} times as long as torchvision's Mask R-CNN in PyTorch."
