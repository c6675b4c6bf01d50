"""The commands of the suite, run for real with small models."""

import json
import os
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")

import numpy as np
import onnx
from typer.testing import CliRunner

from refinemask.benchmarks.__main__ import COMMANDS
from refinemask.benchmarks.suite.candidates import OUTPUTS, GraphNetwork, network_inputs
from refinemask.benchmarks.suite.graphs import Graph, artifact
from refinemask.benchmarks.suite.layout import scenes
from refinemask.benchmarks.suite.torch_networks import TorchNetwork
from refinemask.checkpoints import synthetic_model
from refinemask.commands import new_program
from refinemask.errors import RefineMaskError
from refinemask.export import export_graph
from refinemask.inference import native
from tests.shared_files import made_once

needs_libraries = pytest.mark.skipif(
    native.library("ort") is None or native.library("torch") is None,
    reason="needs the operator libraries of ONNX Runtime and PyTorch",
)
ONCE = ("--quick", "--runtimes", "onnxruntime", "--iterations", "1", "--warm-up", "0")


def run(*arguments: str) -> str:
    done = CliRunner().invoke(new_program(**COMMANDS), arguments)
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of all results of these tests: graphs are exported once."""

    def measure(folder: Path) -> None:
        run("latency", "--output", str(folder), *ONCE)

    folder, _ = made_once(tmp_path_factory.getbasetemp(), "suite", measure)
    return folder


@needs_libraries
def test_latency_has_the_figures_of_the_targets(output: Path) -> None:
    result = json.loads((output / "latency.json").read_text())
    assert result["setup"]["command"].startswith("python -m refinemask.benchmarks")
    assert 0 < result["covered"]["10"] < result["covered"]["100"] < 1
    found = result["runtimes"]["onnxruntime"]
    assert len(found["subjects"]) == 9
    for one in found["subjects"].values():
        phases = one["runs"]
        whole = sum(phases[name][0] for name in ("preprocess", "inference", "postprocess"))
        assert whole == pytest.approx(phases["end_to_end"][0])
    ratios = found["ratios"]["exact"]
    assert ratios["100"]["counted"] > ratios["10"]["counted"] > 1
    adaptive = found["ratios"]["adaptive depth"]
    assert adaptive["100"]["counted"] < ratios["100"]["counted"]
    plain, rewritten = (
        result["counts"][name]["100"]["mask_head"]
        for name in ("refinemask_small fused, not rewritten", "refinemask_small fused")
    )
    assert found["mask_branch"]["counted"] == pytest.approx(plain / rewritten)
    refinemask, maskrcnn = found["peak_memory_bytes"].values()
    assert refinemask > maskrcnn > 50 << 20
    profile = found["profile"]["refinemask_small fused"]
    assert 0 < profile["multiplying"] < profile["milliseconds"]
    assert {"Conv", "MultiScaleRoIAlign"} & profile["kinds"].keys()
    assert result["ceiling"]["best"] == max(
        max(by.values()) for by in result["ceiling"]["products"].values()
    )
    assert "a quick run of small models" in result["warnings"]


@needs_libraries
@pytest.mark.parametrize(
    "graph",
    [Graph("refinemask_small"), Graph("maskrcnn_small")],
    ids=lambda graph: graph.name,
)
def test_graphs_give_the_masks_of_their_models(output: Path, graph: Graph) -> None:
    network = GraphNetwork(artifact(graph, output / "graphs", pytest.fail), "onnxruntime")
    (scene,) = scenes(384, 512, None, count=1)
    _, inputs = network_inputs(scene.first(20), (384, 512))
    found = network.engine.inspect(OUTPUTS, inputs)
    masks = TorchNetwork(synthetic_model(graph.config)).masks(inputs)
    assert (np.abs(found["masks"] - masks) < 1e-3).mean() > 0.9999
    counts = {len(found[name]) for name in OUTPUTS if name != "masks"}
    assert len(counts) == 1 and counts != {20}


@needs_libraries
def test_masks_are_computed_after_boxes(output: Path) -> None:
    path = artifact(Graph("maskrcnn_small"), output / "graphs", pytest.fail).path
    graph = onnx.load(path, load_external_data=False).graph
    inputs_of = {name: node.input for node in graph.node for name in node.output}
    before, found = {"masks"}, ["masks"]
    while found:
        new = set(inputs_of.get(found.pop(), ())) - before
        before |= new
        found.extend(new)
    assert "boxes" in before


def test_padded_graphs_are_refused() -> None:
    model = synthetic_model(Graph("maskrcnn_small").config)
    with pytest.raises(RefineMaskError, match="the form static pads what it detects"):
        export_graph(model, form="static", outputs="both")


class Page(HTMLParser):
    """Counts elements, and checks that those that must be are closed in order."""

    def __init__(self) -> None:
        """Begin with none."""
        super().__init__()
        self.found: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        """Note an element."""
        self.found.append(tag)
        if tag not in ("meta", "br", "img"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        """Note an element that is closed at once."""
        self.found.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Check that it is the last one opened."""
        assert self.open.pop() == tag


@needs_libraries
def test_the_report_is_one_page_that_fetches_nothing(output: Path, tmp_path: Path) -> None:
    (tmp_path / "latency.json").write_text((output / "latency.json").read_text())
    printed = run("report", "--output", str(tmp_path))
    assert printed.strip() == (tmp_path / "targets.md").read_text().strip()
    verdicts = re.findall(r"\| (met|\*\*missed by \d+%\*\*) \|", printed)
    everything = json.loads((tmp_path / "results.json").read_text())
    assert len(verdicts) == len(everything["targets"]) == 12
    page = Page()
    html = (tmp_path / "report.html").read_text()
    page.feed(html)
    assert page.open == []
    assert page.found.count("svg") == 3
    assert "A model, no measurement." in html
    assert "Do not trust these figures" in html
    assert not re.search(r"""(src|href)=["'](?!#)""", html)
    assert not re.search("undefined|None|nan", html)


def test_a_folder_without_results_is_refused(tmp_path: Path) -> None:
    done = CliRunner().invoke(new_program(**COMMANDS), ["report", "--output", str(tmp_path)])
    assert done.exit_code == 1
    assert "there are no results" in done.output


@needs_libraries
@pytest.mark.slow
def test_scaling_and_peers_run(output: Path, tmp_path: Path) -> None:
    folder = tmp_path / "results"
    folder.mkdir()
    (folder / "graphs").symlink_to(output / "graphs")
    once = ("--output", str(folder), *ONCE)
    run("scaling", *once)
    run("peers", *once, "--only", "ONNX")
    scaling, peers = (
        json.loads((folder / f"{name}.json").read_text()) for name in ("scaling", "peers")
    )
    assert {len(curve) for curve in scaling["boxes"]["curves"].values()} == {3}
    assert scaling["batch"]["throughput"].keys() == scaling["streams"]["throughput"].keys()
    assert peers["ratios"]["Mask R-CNN of torchvision, PyTorch"]["ratio"] == 1
    assert len(peers["subjects"]) == 6
    run("report", "--output", str(folder))
    assert "<h2>Scaling</h2>" in (folder / "report.html").read_text()


@needs_libraries
@pytest.mark.slow
def test_accuracy_is_that_of_models_and_of_files_of_results(tmp_path: Path) -> None:
    shared = Path(os.environ.get("REFINEMASK_SHARED", "shared"))
    dataset = shared / "data/pennfudan/instances_val.json"
    if not dataset.is_file():
        pytest.skip("needs Penn-Fudan; set REFINEMASK_SHARED")
    truth = json.loads(dataset.read_text())
    results = tmp_path / "perfect.json"
    results.write_text(json.dumps([one | {"score": 1} for one in truth["annotations"]]))
    once = ("--output", str(tmp_path), *ONCE, "--limit", "2", "--model", "refinemask_small")
    run("accuracy", *once, "--dataset", str(dataset), "--results", str(results))
    result = json.loads((tmp_path / "accuracy.json").read_text())
    measured = result["datasets"][str(dataset)]
    for kind in ("box", "mask", "boundary"):
        assert measured[str(results)][kind]["APl"] == pytest.approx(1)
        assert 0 < measured["refinemask_small"][kind]["AP"] < 1
    assert result["latency"]["refinemask_small"]["median"] > 0
