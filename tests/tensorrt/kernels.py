"""The kernels of the plugins on PyTorch tensors: CUDA's, or their threads run by the CPU."""

import ctypes
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

PLUGINS = Path(__file__).parents[2] / "plugins"
TESTS = PLUGINS / "tests" / "cuda"
TYPES = {torch.float32: 0, torch.float16: 1, torch.bfloat16: 2}


def compile_library(folder: Path, cuda: bool) -> Path:
    """Compile the launcher with one of the two; skip the test where there is no compiler for it."""
    toolkit = _find_toolkit()
    if toolkit is None:
        pytest.skip("no CUDA toolkit, whose headers the kernels need; put nvcc on the PATH")
    library = folder / ("cuda.so" if cuda else "host.so")
    common = ["-std=c++17", "-O2", f"-I{PLUGINS}", "-shared", "-o", str(library)]
    launcher = [str(TESTS / "launcher" / "launcher.cpp"), *_sources(PLUGINS / "operators", "cpp")]
    if cuda:
        kernels = _sources(PLUGINS / "cuda", "cu")
        flags = ["-arch=native", "--fmad=false", "-lineinfo", "-Xcompiler=-fPIC,-ffp-contract=off"]
        command = [str(toolkit / "bin" / "nvcc"), *common, *flags, *launcher, *kernels]
    else:
        flags = ["-fPIC", "-ffp-contract=off", f"-isystem{toolkit / 'include'}"]
        compiler = os.environ.get("CXX", "c++")
        command = [compiler, *common, *flags, *launcher, *_sources(TESTS, "cpp")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return library


def _sources(folder: Path, suffix: str) -> list[str]:
    return [str(path) for path in sorted(folder.glob(f"*.{suffix}"))]


def _find_toolkit() -> Path | None:
    found = shutil.which("nvcc")
    places = [Path(found).resolve().parents[1]] if found else []
    places += [Path(os.environ.get("CUDA_HOME", "/usr/local/cuda"))]
    headers = Path("include", "cuda_runtime_api.h")
    return next((place for place in places if (place / headers).is_file()), None)


@dataclass
class Kernels:
    """The launch functions; inputs are moved to `device`, and so are the results.

    Attributes:
        again: launches what was launched last once more, on the same tensors, and does not wait.
        moved: bytes of these tensors: inputs, outputs and scratch memory.
    """

    library: ctypes.CDLL
    device: str
    again: Callable[[], int] = lambda: 0
    moved: int = 0

    def multiscale_roi_align(
        self,
        rois: Tensor,
        features: Sequence[Tensor],
        output_size: int,
        strides: Sequence[int],
        sampling_ratio: int = 0,
        aligned: bool = True,
        epsilon_after_log: bool = False,
        channels_last: bool = False,
    ) -> Tensor:
        """Pool RoIs; arguments and result as those of `refinemask.ops.multiscale_roi_align`.

        With `channels_last`, the kernel has features and output in TensorRT's formats kHWC
        (float32) and kHWC8 (16-bit types, the channels of a cell padded with NaN to a multiple of
        8), and the result has the padding: (K, C rounded up, S, S).
        """
        batch, channels = features[0].shape[:2]
        heights, widths = ([feature.shape[axis] for feature in features] for axis in (2, 3))
        cell_stride = 0
        if channels_last:
            padded = -(-channels // 8) * 8
            cell_stride = channels if features[0].dtype == torch.float32 else padded
            features = [_channels_last(feature, cell_stride) for feature in features]
        rois, levels = self._moved(rois), [self._moved(feature) for feature in features]
        output = levels[0].new_full(
            (len(rois), cell_stride or channels, output_size, output_size), torch.nan
        )
        self._launch(
            "launch_multiscale_roi_align",
            (rois, *levels, output),
            TYPES[output.dtype],
            _pointer(rois),
            ctypes.c_int64(len(rois)),
            (ctypes.c_void_p * len(levels))(*(level.data_ptr() for level in levels)),
            (ctypes.c_int * len(levels))(*heights),
            (ctypes.c_int * len(levels))(*widths),
            batch,
            channels,
            cell_stride,
            (ctypes.c_int64 * len(strides))(*strides),
            len(strides),
            output_size,
            sampling_ratio,
            int(aligned),
            int(epsilon_after_log),
            ctypes.c_float(56.0),
            _pointer(output),
        )
        if channels_last:
            cells = (len(rois), output_size, output_size, cell_stride)
            return output.view(cells).permute(0, 3, 1, 2)
        return output

    def batched_nms(
        self,
        boxes: Tensor,
        scores: Tensor,
        iou_threshold: float,
        score_threshold: float,
        max_per_image: int,
        max_shifted: int | None = None,
        first_shift: int = 0,
    ) -> Tensor:
        """Suppress; arguments and result as those of `refinemask.ops.batched_nms.batched_nms`."""
        boxes, scores = self._moved(boxes), self._moved(scores)
        batch, count, groups = scores.shape
        sizes = [ctypes.c_int64(size) for size in (batch, count, groups)]
        limit = ctypes.c_int64(max_per_image)
        self.library.workspace_of_batched_nms.restype = ctypes.c_size_t
        room = self.library.workspace_of_batched_nms(*sizes, limit)
        workspace = torch.full((room,), 0xCD, dtype=torch.uint8, device=self.device)
        rows = batch * min(count * groups, max_per_image)
        selected = torch.full((rows, 3), -1, dtype=torch.int64, device=self.device)
        number = torch.full((), -1, dtype=torch.int32, device=self.device)
        self._launch(
            "launch_batched_nms",
            (boxes, scores, workspace, selected, number),
            _pointer(boxes),
            int(boxes.ndim == 4),
            _pointer(scores),
            *sizes,
            ctypes.c_float(iou_threshold),
            ctypes.c_float(score_threshold),
            limit,
            ctypes.c_int64(-1 if max_shifted is None else max_shifted),
            ctypes.c_int64(first_shift),
            _pointer(workspace),
            _pointer(selected),
            _pointer(number),
        )
        return selected[: int(number)]

    def boundary_refine(self, coarse: Tensor, fine: Tensor, width: int = 1) -> Tensor:
        """Refine logits; arguments and result as those of `refinemask.ops.boundary_refine`."""
        coarse, fine = self._moved(coarse), self._moved(fine)
        output = torch.full_like(fine, torch.nan)
        self._launch(
            "launch_boundary_refine",
            (coarse, fine, output),
            TYPES[fine.dtype],
            _pointer(coarse),
            _pointer(fine),
            ctypes.c_int64(len(coarse)),
            coarse.shape[-1],
            width,
            _pointer(output),
        )
        return output

    def paste_masks(
        self, masks: Tensor, boxes: Tensor, height: int, width: int, threshold: float = 0.5
    ) -> Tensor:
        """Paste masks (N, M, M) from their boxes (N, 4): uint8 (N, height, width)."""
        masks, boxes = self._moved(masks), self._moved(boxes)
        shape = (len(masks), height, width)
        output = torch.full(shape, 0xCD, dtype=torch.uint8, device=self.device)
        self._launch(
            "launch_paste_masks",
            (masks, boxes, output),
            TYPES[masks.dtype],
            _pointer(masks),
            _pointer(boxes),
            ctypes.c_int64(len(masks)),
            masks.shape[-1],
            ctypes.c_int64(height),
            ctypes.c_int64(width),
            ctypes.c_float(threshold),
            _pointer(output),
        )
        return output

    def nonzero_places(self, mask: Tensor) -> Tensor:
        """Find places; argument and result as those of `refinemask.ops.places`, like below."""
        mask = self._moved(mask)
        total = ctypes.c_int64(mask.numel())
        self.library.workspace_of_nonzero_places.restype = ctypes.c_size_t
        room = self.library.workspace_of_nonzero_places(total)
        workspace = torch.full((room,), 0xCD, dtype=torch.uint8, device=self.device)
        places = torch.full((mask.numel(), 3), -1, dtype=torch.int64, device=self.device)
        number = torch.full((), -1, dtype=torch.int32, device=self.device)
        self._launch(
            "launch_nonzero_places",
            (mask, workspace, places, number),
            _pointer(mask),
            ctypes.c_int64(mask.shape[1]),
            ctypes.c_int64(mask.shape[2]),
            total,
            _pointer(workspace),
            _pointer(places),
            _pointer(number),
        )
        return places[: int(number)]

    def gather_tiles(
        self, maps: Tensor, places: Tensor, size: tuple[int, int], margin: int
    ) -> Tensor:
        maps, places = self._moved(maps), self._moved(places)
        sides = (side + 2 * margin for side in size)
        tiles = maps.new_full((len(places), maps.shape[1], *sides), torch.nan)
        self._launch(
            "launch_gather_tiles",
            (maps, places, tiles),
            TYPES[maps.dtype],
            _pointer(maps),
            _integers(maps.shape),
            _pointer(places),
            ctypes.c_int64(len(places)),
            _integers((*size, margin)),
            _pointer(tiles),
        )
        return tiles

    def scatter_tiles(self, tiles: Tensor, places: Tensor, like: Tensor) -> Tensor:
        tiles, places = self._moved(tiles), self._moved(places)
        shape = (like.shape[0], tiles.shape[1], *like.shape[2:])
        maps = tiles.new_full(shape, torch.nan)
        self._launch(
            "launch_scatter_tiles",
            (tiles, places, maps),
            TYPES[tiles.dtype],
            _pointer(tiles),
            _integers((*tiles.shape[2:], 0)),
            _pointer(places),
            ctypes.c_int64(len(places)),
            _integers(shape),
            _pointer(maps),
        )
        return maps

    def conv_at_places(
        self, maps: Tensor, places: Tensor, weight: Tensor, bias: Tensor, dilation: int = 1
    ) -> Tensor:
        maps, places = self._moved(maps), self._moved(places)
        weight, bias = self._moved(weight), self._moved(bias)
        outputs, _, side, _ = weight.shape
        values = maps.new_full((len(places), outputs), torch.nan)
        self._launch(
            "launch_conv_at_places",
            (maps, places, weight, bias, values),
            TYPES[maps.dtype],
            _pointer(maps),
            _integers(maps.shape),
            _pointer(places),
            *(ctypes.c_int64(value) for value in (len(places), outputs, side, dilation)),
            _pointer(weight),
            _pointer(bias),
            _pointer(values),
        )
        return values

    def prepare_image(
        self, image: Tensor, pixel_format: int, resized: tuple[int, int], padded: tuple[int, int]
    ) -> Tensor:
        """Resize an image, uint8 (H, W, C), and pad it; sizes are (height, width).

        Rows may have bytes between them. The result is RGB, uint8 (*padded, 3).
        """
        height, width, channels = image.shape
        stride = image.stride(0)
        pixels = torch.as_strided(image, (stride * (height - 1) + width * channels,), (1,))
        pixels = self._moved(pixels)
        output = torch.full((*padded, 3), 0xCD, dtype=torch.uint8, device=self.device)
        sizes = [ctypes.c_int64(side) for side in (*reversed(resized), *reversed(padded))]
        self._launch(
            "launch_prepare_image",
            (pixels, output),
            _pointer(pixels),
            ctypes.c_int64(width),
            ctypes.c_int64(height),
            ctypes.c_int64(stride),
            pixel_format,
            *sizes,
            _pointer(output),
        )
        return output

    def _moved(self, tensor: Tensor) -> Tensor:
        return tensor.to(self.device).contiguous()

    def _launch(self, name: str, tensors: Sequence[Tensor], *arguments: Any) -> None:
        stream = None
        if self.device == "cuda":
            stream = ctypes.c_void_p(torch.cuda.current_stream().cuda_stream)

        def launch(kept: Sequence[Tensor] = tuple(tensors)) -> int:
            return int(self.library[name](*arguments, stream))

        self.again, self.moved = launch, sum(tensor.nbytes for tensor in tensors)
        status = launch()
        assert status == 0, f"{name} returned the CUDA error {status}"
        if self.device == "cuda":
            torch.cuda.synchronize()


def _channels_last(maps: Tensor, cell_stride: int) -> Tensor:
    """Lay out maps (B, C, H, W) as (B, H, W, cell_stride), with NaN behind the channels."""
    padding = cell_stride - maps.shape[1]
    cells = maps.permute(0, 2, 3, 1)
    return torch.nn.functional.pad(cells, (0, padding), value=torch.nan).contiguous()


def _integers(values: Sequence[int]) -> Any:
    return (ctypes.c_int64 * len(values))(*values)


def _pointer(tensor: Tensor) -> ctypes.c_void_p:
    return ctypes.c_void_p(tensor.data_ptr())
