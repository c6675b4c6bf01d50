"""The report is one file that shows everything and fetches nothing."""

import json
import os
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from typer.testing import CliRunner

from refinemask.benchmarks import demo
from refinemask.benchmarks.latency.bench import bench
from refinemask.benchmarks.latency.options import BenchOptions
from refinemask.checkpoints.shipped import shipped_models
from refinemask.cli.bench import _named
from refinemask.cli.main import app
from refinemask.commands import new_program
from refinemask.evaluation.metric_names import KINDS, METRICS
from refinemask.export.parity import ParityReport

SCRIPT = "<script>cat & dog</script>"


class Page(HTMLParser):
    """Elements, their text, and whether every one that is opened is closed."""

    VOID = ("meta", "img")

    def __init__(self, text: str) -> None:
        """Parse `text`."""
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.opened: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.opened.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close the element that was opened last."""
        assert self.opened.pop() == tag

    def handle_data(self, data: str) -> None:
        """Collect text."""
        self.text += data


@pytest.fixture
def evaluation(tmp_path: Path) -> Path:
    figures = dict.fromkeys(METRICS, 0.5) | {"APs": -1.0, "AP": 0.4321}
    path = tmp_path / "<script>$people$.json"
    path.write_text(json.dumps({"images": 25} | dict.fromkeys(KINDS, figures)))
    return path


def evaluation_text(AP: object = 0.5, **more: object) -> str:
    """Return an evaluation with the AP of boxes or further entries changed."""
    figures = {kind: dict.fromkeys(METRICS, 0.5) for kind in KINDS}
    return json.dumps({"images": 1, **figures, "box": figures["box"] | {"AP": AP}, **more})


def report(*arguments: str) -> tuple[int, str]:
    """Run the command; return its exit code and what it said."""
    options = ["--iterations", "1", "--warm-up", "0"]
    done = CliRunner().invoke(app, ["report", *arguments, *options])
    return done.exit_code, done.output


@pytest.fixture
def page(artifacts: list[str], photographs: list[Path], evaluation: Path, tmp_path: Path) -> str:
    output = tmp_path / "report.html"
    arguments = [value for artifact in artifacts for value in ("--artifact", artifact)]
    arguments += [value for path in photographs for value in ("--images", str(path))]
    code, said = report(
        *arguments, "--output", str(output), "--title", SCRIPT, "--eval", str(evaluation)
    )
    assert code == 0, said
    return output.read_text(encoding="utf-8")


def test_the_page_is_whole_and_fetches_nothing(page: str) -> None:
    parsed = Page(page)
    assert parsed.opened == []
    tags = {tag for tag, _ in parsed.tags}
    assert not tags & {"script", "link", "iframe", "object", "base", "use"}
    images = [attributes for tag, attributes in parsed.tags if tag == "img"]
    # Two pictures where there is a detection, and three of a region; one where there is none.
    assert len(images) == 2 + 3 + 1
    for image in images:
        assert (image["src"] or "").startswith("data:image/jpeg;base64,")
        assert image["alt"]
    for _, attributes in parsed.tags:
        assert not {"href", "srcset", "poster", "data"} & attributes.keys()
        assert not any(name.startswith("on") for name in attributes)
    assert not re.search(r"https?:|url\(|@import", page)


def test_text_is_escaped(page: str) -> None:
    assert "<script>" not in page
    parsed = Page(page)
    # The title twice, and the class that each of the two models has.
    assert parsed.text.count(SCRIPT) == 4
    captions = [attributes["alt"] for tag, attributes in parsed.tags if tag == "img"]
    assert "toy onnxruntime: 1 detection" in captions
    assert "<script>bright.png" in parsed.text
    # The evaluation in the chart, the table and the note below it.
    assert parsed.text.count("<script>$people$") == 2 * len(KINDS) + 1


def test_figures_are_on_the_page(page: str) -> None:
    text = Page(page).text
    assert "dark.png" in text
    assert "toy onnxruntime detects 1 and second onnxruntime detects 1" in text
    assert "0.432" in text
    assert "–" in text
    for heading in ("Pictures", "Agreement", "Speed", "Accuracy", "Models", "Setup"):
        assert heading in text
    assert "Parity" not in text


def test_one_model_has_nothing_to_agree_with(
    make_artifact: Callable[..., Path], photographs: list[Path], tmp_path: Path
) -> None:
    figures = ParityReport(images=3, detections=1234).to_dict()
    artifact, output = make_artifact(parity=figures), tmp_path / "report.html"
    arguments = ["--artifact", str(artifact), "--images", str(photographs[0])]
    code, said = report(*arguments, "--output", str(output))
    assert code == 0, said
    text = Page(output.read_text(encoding="utf-8")).text
    assert "Agreement" not in text and "They share" not in text
    assert "Parity with PyTorch holds for maskrcnn_small" in text
    assert "1234" in text and "verdict" in text and "passed" in text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot read"),
        ("{", "not the result of an evaluation"),
        ("[]", "not the result of an evaluation"),
        ('{"images": 3}', "not the result of an evaluation"),
        ("[" * 100_000, "not the result of an evaluation"),
        (evaluation_text(AP="high"), "not the result of an evaluation"),
        (evaluation_text(AP=float("nan")), "not the result of an evaluation"),
        (evaluation_text(AP=True), "not the result of an evaluation"),
        (evaluation_text(setup=None), "not the result of an evaluation"),
        (evaluation_text(setup={"command": 3}), "not the result of an evaluation"),
    ],
)
def test_what_is_no_evaluation_is_refused(
    content: str | None,
    message: str,
    artifacts: list[str],
    photographs: list[Path],
    tmp_path: Path,
) -> None:
    path, output = tmp_path / "result.json", tmp_path / "report.html"
    if content is not None:
        path.write_text(content)
    arguments = ["--artifact", artifacts[0], "--images", str(photographs[0])]
    code, said = report(*arguments, "--eval", str(path), "--output", str(output))
    assert code == 1
    assert message in said
    assert not output.exists()


@pytest.fixture
def no_measuring(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail where a measurement begins."""

    def measure(*_: object) -> None:
        raise AssertionError("measured before everything was checked")

    monkeypatch.setattr("refinemask.benchmarks.latency.bench.bench", measure)


@pytest.mark.usefixtures("no_measuring")
class TestBeforeMeasuring:
    """Whatever is wrong is said before minutes of measuring."""

    @pytest.fixture
    def arguments(self, artifacts: list[str], photographs: list[Path], tmp_path: Path) -> list[str]:
        output = str(tmp_path / "report.html")
        return ["--artifact", artifacts[0], "--images", str(photographs[0]), "--output", output]

    def test_a_device_is_no_evaluation(self, arguments: list[str]) -> None:
        code, said = report(*arguments, "--eval", "/dev/zero")
        assert code == 1 and "/dev/zero is not the result of an evaluation" in said

    def test_a_photo_that_is_not_measured(
        self, arguments: list[str], photographs: list[Path], tmp_path: Path
    ) -> None:
        (tmp_path / "zz.png").write_bytes(b"no image")
        code, said = report(*arguments, "--images", str(tmp_path / "zz.png"))
        assert code == 1 and "zz.png" in said

    def test_a_parity_figure_that_is_missing(
        self, arguments: list[str], make_artifact: Callable[..., Path]
    ) -> None:
        make_artifact(parity={"passed": True})
        code, said = report(*arguments)
        assert code == 1 and "toy.onnx lacks the parity figures" in said.replace("\n", " ")

    @pytest.mark.parametrize("which", ["artifact", "photograph"])
    def test_an_output_that_is_an_input(
        self, which: str, arguments: list[str], artifacts: list[str], photographs: list[Path]
    ) -> None:
        path = {"artifact": artifacts[0].rpartition("@")[0], "photograph": str(photographs[0])}
        code, said = report(*arguments[:-1], path[which])
        assert code == 2 and "is an input of this command" in said

    def test_bench_keeps_its_inputs(self, arguments: list[str], photographs: list[Path]) -> None:
        output = str(photographs[0])
        done = CliRunner().invoke(app, ["bench", *arguments[:-2], "--json", output])
        assert done.exit_code == 2 and "is an input of this command" in done.output


def test_names_of_files_that_are_not_utf8(
    make_artifact: Callable[..., Path], photographs: list[Path], tmp_path: Path
) -> None:
    photo = photographs[0].rename(tmp_path / os.fsdecode(b"bright \xff.png"))
    accuracy = tmp_path / os.fsdecode(b"val \xff.json")
    accuracy.write_text(evaluation_text())
    arguments = ["--artifact", str(make_artifact()), "--images", str(photo)]
    output = tmp_path / "report.html"
    code, said = report(
        *arguments, "--eval", str(accuracy), "--output", str(output), "--title", "\udcff"
    )
    assert code == 0, said
    text = output.read_text(encoding="utf-8")
    assert r"bright \udcff.png" in text and r"val \udcff" in text


def test_evaluations_that_share_a_stem_keep_apart() -> None:
    one, two = Path("a/val.json"), Path("b/val.json")
    assert _named((one,)) == {"val": one}
    assert _named((one, two)) == {"a/val.json": one, "b/val.json": two}


def test_an_output_that_cannot_be_written_is_an_error(
    artifacts: list[str], photographs: list[Path]
) -> None:
    arguments = ["--artifact", artifacts[0], "--images", str(photographs[0])]
    code, said = report(*arguments, "--output", str(photographs[0] / "report.html"))
    assert code == 1
    assert "error: cannot write" in said


def test_artifacts_of_the_demo_have_names_of_their_own() -> None:
    assert demo._stems(["a.safetensors", "b"]) == ["a", "b"]
    assert demo._stems(["x/a.safetensors", "y/a.safetensors"]) == ["a_1", "a_2"]


def test_the_demo_prints_a_line_for_each_target(
    artifacts: list[str], photographs: list[Path]
) -> None:
    options = BenchOptions(tuple(photographs), tuple(artifacts), warm_up=0, iterations=1)
    table = demo.format_table(bench(options)).splitlines()
    assert table[0].split() == ["median", "ms", "ratio", "images/s", "peak", "MiB"]
    assert [len(line.split()) for line in table[1:]] == [6, 6]
    assert len({len(line) for line in table}) == 1


@pytest.mark.slow  # .ci/run has `make demo`
def test_the_demo_end_to_end(tmp_path: Path) -> None:
    if len(shipped_models()) < 2:
        pytest.skip("the models that ship are not there")
    done = CliRunner().invoke(
        new_program(demo=demo.demo), ["--output", str(tmp_path), "--iterations", "2"]
    )
    assert done.exit_code == 0, done.output
    assert "Parity with PyTorch holds for maskrcnn_small and refinemask_small" in done.stdout
    text = Page((tmp_path / "report.html").read_text(encoding="utf-8")).text
    assert "Parity with PyTorch" in text
    assert "CC BY 2.0" in text
    assert (tmp_path / "refinemask_small.onnx.json").exists()
    assert (tmp_path / "pictures" / "refinemask_small" / "astronaut.png").exists()
