"""Turn a detector into an ONNX graph that keeps the contract of artifacts (architecture 5)."""

from collections.abc import Callable, Iterable, Mapping

import onnx
import onnx_ir as ir
import torch

from refinemask.configs.precisions import Precision
from refinemask.errors import RefineMaskError
from refinemask.export.capture import GraphOutputs, capture
from refinemask.export.forms import FORMS
from refinemask.export.forms.form import Shape
from refinemask.export.forms.portable.operators import OPSET
from refinemask.export.functional import make_functional
from refinemask.export.layers import name_values, traced_layers
from refinemask.export.options import Optimize
from refinemask.export.passes import Rewrite, incomplete_layers, rewritten
from refinemask.export.sampling import fixed_sampling_ratio, with_sampling_ratio
from refinemask.export.simplify import simplify
from refinemask.models import Detector
from refinemask.models.adaptive_depth import with_adaptive_depth
from refinemask.models.half_precision import to_half_precision


def export_graph(
    model: Detector,
    *,
    form: str = "portable",
    normalized_input: bool = False,
    batch: int | None = None,
    height: int | None = None,
    width: int | None = None,
    sampling_ratio: int | None = None,
    outputs: GraphOutputs = "detections",
    optimize: Optimize = "all",
    adaptive_depth: bool = False,
    precision: Precision = "float32",
    report: Callable[[Rewrite], None] = lambda rewrite: None,
) -> onnx.ModelProto:
    """Export the graph of a model, without metadata.

    Args:
        model: what is exported; it is put in evaluation mode.
        form: "portable", of standard ONNX operators only; "fused", with the operators of the
            domain `refinemask` (architecture 8) in place of what is data-dependent or pools; or
            "static", of standard operators without data-dependent shapes.
        normalized_input: the input `images` is float32 (B, 3, H, W), normalised and padded with
            zeros, instead of uint8 RGB (B, H, W, 3).
        batch: number of images; None keeps it dynamic, as for the other two.
        height: padded height in pixels, a multiple of 32 from 32 to 2048.
        width: padded width in pixels, likewise.
        sampling_ratio: samples of RoIAlign per bin and axis, where those of the model adapt to the
            RoI. Only the static form may have, and needs, a fixed number; None is 2 there.
        outputs: what the graph returns.
        optimize: "all" makes the model cheaper first, see `passes`; "none" only folds its norms.
        adaptive_depth: small RoIs stop before fine stages, see `models.adaptive_depth`; not in the
            static form.
        precision: in which the model computes, see `models.half_precision`; inputs and outputs are
            those of float32.
        report: called with what each rewrite has done.

    Returns:
        A graph from images and image_sizes to boxes (N, 4), scores (N,), labels (N,), image_index
        (N,) and masks (N, M, M), as `Detector.detect` returns them; in the static form, to the
        fields of `PaddedOutputs`. For the outputs "masks" a graph from these, rois (K, 5) and
        labels (K,) to masks (K, M, M), as `Detector.segment_rois`. For "both" a graph from these to
        boxes, scores, classes and image_index of detections, and the masks of the rois.

    Raises:
        RefineMaskError: the form is unknown, a fixed size is not allowed, or the model is not one
            for the form.
    """
    if form not in FORMS:
        raise RefineMaskError(f"unknown form {form!r}; choose one of {', '.join(FORMS)}")
    if adaptive_depth and form == "static":
        raise RefineMaskError("the form static has no adaptive depth; choose portable or fused")
    if outputs == "both" and FORMS[form].padded:
        raise RefineMaskError(f"the form {form} pads what it detects; export both in another form")
    model = with_sampling_ratio(model, fixed_sampling_ratio(form, sampling_ratio))
    model, rewrites = rewritten(model, optimize, normalized_input, FORMS[form].sparse)
    for rewrite in rewrites:
        report(rewrite)
    to_half_precision(model, precision)
    if adaptive_depth:
        model = with_adaptive_depth(model)
    batch_dim, height_dim, width_dim = batch or "batch", height or "height", width or "width"
    pixels: Shape = (batch_dim, height_dim, width_dim, 3)
    if normalized_input:
        pixels = (batch_dim, 3, height_dim, width_dim)
    inputs: dict[str, Shape] = {"images": pixels, "image_sizes": (batch_dim, 2)}
    results = FORMS[form].outputs(model.config, batch_dim)
    if outputs != "detections":
        side = model.config.mask_head.mask_size
        inputs |= {"rois": ("rois", 5), "labels": ("rois",)}
        # An output may not have the name of an input.
        found = {"classes" if name == "labels" else name: shape for name, shape in results.items()}
        results = {**(found if outputs == "both" else {}), "masks": ("rois", side, side)}
    program = capture(model, normalized_input, batch, height, width, FORMS[form].detect, outputs)
    incomplete = incomplete_layers(rewrites)
    layers = {
        layer: node for layer, node in traced_layers(program).items() if layer not in incomplete
    }
    exported = torch.onnx.export(
        make_functional(program),
        dynamo=True,
        input_names=list(inputs),
        output_names=list(results),
        opset_version=OPSET,
        custom_translation_table=dict(FORMS[form].translations),
        optimize=False,
        verbose=False,
    )
    assert exported is not None
    simplify(exported.model)
    name_values(exported.model.graph, layers)
    graph = exported.model.graph
    _set_shapes(graph.inputs, inputs)
    _set_shapes(graph.outputs, results)
    return _serialise(exported.model)


def _set_shapes(values: Iterable[ir.Value], shapes: Mapping[str, Shape]) -> None:
    for value in values:
        assert value.name is not None
        value.shape = ir.Shape(shapes[value.name])


def _serialise(model: ir.Model) -> onnx.ModelProto:
    """Return the graph as a checked message without the exporter's debugging notes.

    These hold names and paths of source files, and the shapes of inner values in symbols of the
    tracing, which runtimes infer again but for the numbers of RoIs.
    """
    graph = model.graph
    graph.name = "refinemask"
    for value in (*graph.inputs, *graph.outputs, *graph.initializers.values()):
        value.metadata_props.clear()
    for node in graph.all_nodes():
        node.metadata_props.clear()
        node.doc_string = None
        for value in node.outputs:
            value.metadata_props.clear()
    model.metadata_props.clear()
    graph.metadata_props.clear()
    proto = ir.to_proto(model)
    _keep_numbers_of_rois(proto.graph)
    onnx.checker.check_model(proto, full_check=True)
    return proto


def _keep_numbers_of_rois(graph: onnx.GraphProto) -> None:
    """Drop all shapes but those of maps of a known size, whose numbers are called rois_1 and so on.

    Where ONNX Runtime (1.31) cannot tell that summands are equally many, it may add them in a way
    that fails if there are none.
    """
    kept, numbers = [], dict[str, str]()
    for info in graph.value_info:
        sides = info.type.tensor_type.shape.dim
        if len(sides) != 4 or not all(side.HasField("dim_value") for side in sides[1:]):
            continue
        if symbol := sides[0].dim_param:
            sides[0].dim_param = numbers.setdefault(symbol, f"rois_{len(numbers) + 1}")
            kept.append(info)
    del graph.value_info[:]
    graph.value_info.extend(kept)
