"""Build the engine of an artifact, with its record and its log beside it."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from refinemask.engines.tensorrt.build import BuiltEngine, build_engine
from refinemask.engines.tensorrt.build_lock import alone
from refinemask.engines.tensorrt.gpu import current_gpu
from refinemask.engines.tensorrt.options import BuildOptions, Shapes
from refinemask.engines.tensorrt.process import Progress
from refinemask.engines.tensorrt.profile import Profile, Range, Shape, default_profile, spelled
from refinemask.engines.tensorrt.record import EngineRecord
from refinemask.errors import RefineMaskError
from refinemask.files import atomic_path, sha256
from refinemask.inference import native
from refinemask.inference.artifact import Artifact
from refinemask.inference.metadata import sidecar_path
from refinemask.version import __version__

FORMS = ("fused", "static")
"""Forms of artifacts that become engines."""


def build_artifact(
    artifact: Artifact,
    output: Path,
    options: BuildOptions,
    *,
    gpu: int = 0,
    timeout: float = 7200.0,
    progress: Progress | None = None,
    log: Path | None = None,
) -> tuple[BuiltEngine, EngineRecord]:
    """Build the engine of an artifact; write it, its record (`sidecar_path`) and its log.

    What is at `output` stays as it is unless the build succeeds, but for the log.

    Args:
        artifact: of the form fused or static.
        output: the engine, a plan that trtexec and Triton load as well.
        options: how it is built.
        gpu: number of the GPU that TensorRT builds on, and for.
        timeout: seconds after which to give up.
        progress: called with the steps of the builder that are done, and their number.
        log: the log of a caller that has locked it (`build_lock`); None locks it.

    Raises:
        RefineMaskError: TensorRT is not installed, does not take the artifact's form, or refuses
            the model, the plugin library is missing, a shape is not one of the artifact's, another
            process builds the same file, or it cannot be written.
    """
    flavour = options.flavour
    version = flavour.version()
    check_form(artifact, flavour.title)
    profile = make_profile(artifact, options)
    purpose = f"the engine of the fused artifact {artifact.path}"
    plugins = native.require("trt", purpose) if artifact.metadata.form == "fused" else None
    capabilities = options.compute_capabilities or ()
    if not flavour.portable and options.hardware_compatibility != "ampere_plus":
        capabilities = (current_gpu(gpu).capability,)
    settings = options.settings() | {"gpu": gpu}
    if flavour.portable and artifact.metadata.outputs == "masks":
        settings["flags"].append("REQUIRE_USER_ALLOCATION")  # else CUDA graphs cannot be captured
    beside = sidecar_path(output)
    with (
        alone(output) if log is None else nullcontext(log) as locked_log,
        atomic_path(beside) as record_file,
        atomic_path(output) as file,
        _timing_cache(options.timing_cache) as timing_cache,
    ):
        built = build_engine(
            artifact.path,
            profile,
            [plugins] if plugins else [],
            timeout,
            flavour=flavour,
            settings=settings | {"timing_cache": timing_cache},
            log=locked_log,
            progress=progress,
        )
        file.write_bytes(built.data)
        record = EngineRecord(
            tool_version=__version__,
            runtime=flavour.name,
            runtime_version=version,
            engine_sha256=sha256(file),
            artifact=str(artifact.path),
            artifact_sha256=artifact.sha256,
            metadata=artifact.metadata,
            profile=profile,
            compute_capabilities=capabilities,
            plugins_sha256=sha256(plugins) if plugins else None,
            options=options.words(),
        )
        record_file.write_text(record.to_json() + "\n", encoding="utf-8")
        # Engine and record are moved to their places next; in between, none is beside another's.
        beside.resolve().unlink(missing_ok=True)
    return built, record


def check_form(artifact: Artifact, title: str) -> None:
    """Raise RefineMaskError unless an artifact has a form that TensorRT takes."""
    if artifact.metadata.form not in FORMS:
        raise RefineMaskError(
            f"{artifact.path} is an artifact of the form {artifact.metadata.form}, whose operators "
            f"{title} lacks; export it again with refinemask-export --form fused, or --form "
            "static, which needs no plugins"
        )


def make_profile(artifact: Artifact, options: BuildOptions) -> Profile:
    """Return the profile of a build: what the options say, and sensible values for the rest.

    Raises:
        RefineMaskError: they name an input that the artifact does not have or that is not dynamic,
            or a shape that is not one of its.
    """
    shapes = dict(default_profile(artifact.metadata).shapes)
    given = {
        "--min-shapes": options.min_shapes or (),
        "--opt-shapes": options.opt_shapes or (),
        "--max-shapes": options.max_shapes or (),
    }
    for flag, wanted in given.items():
        for name, shape in wanted:
            if name not in shapes or len(shape) != len(shapes[name][0]):
                dynamic = ", ".join(f"{n} of {len(r[0])} sizes" for n, r in shapes.items())
                raise RefineMaskError(
                    f"{flag} has the input {name} of {len(shape)} sizes, and the dynamic inputs "
                    f"of {artifact.path} are {dynamic or 'none'}"
                )
    ranges = {name: _merged(name, default, *given.values()) for name, default in shapes.items()}
    named = {name for shapes in given.values() for name, _ in shapes}
    for name, other in (("image_sizes", "images"), ("labels", "rois")):
        if name in ranges and name not in named:  # as many as there are of the other
            rest = ranges[name][0][1:]
            minimum, optimum, maximum = ((shape[0], *rest) for shape in ranges[other])
            ranges[name] = minimum, optimum, maximum
    profile = Profile(ranges)
    _check_images(artifact, profile)
    return profile


def _merged(name: str, default: Range, *given: Shapes) -> Range:
    """Return a range as given, and the default, moved to where it fits, for what is not."""
    minimum, optimum, maximum = (dict(shapes).get(name) for shapes in given)
    low = minimum or _pairwise(min, default[0], *filter(None, (optimum, maximum)))
    high = maximum or _pairwise(max, default[2], *filter(None, (minimum, optimum)))
    return low, optimum or _pairwise(min, high, _pairwise(max, low, default[1])), high


def _pairwise(choose: Callable[[Iterable[int]], int], *shapes: Shape) -> Shape:
    return tuple(choose(sizes) for sizes in zip(*shapes, strict=True))


def _check_images(artifact: Artifact, profile: Profile) -> None:
    limits = artifact.metadata.input_limits
    for shape in profile.shapes.get("images", ()):
        batch, *sides, channels = shape
        if (
            channels != 3
            or batch < 1
            or not all(limits.min_size <= side <= limits.max_size for side in sides)
            or any(side % limits.divisor for side in sides)
        ):
            raise RefineMaskError(
                f"images of {artifact.path} are NxHxWx3 with H and W multiples of "
                f"{limits.divisor} from {limits.min_size} to {limits.max_size}, got "
                f"{spelled(shape)}"
            )


@contextmanager
def _timing_cache(path: Path | None) -> Iterator[str | None]:
    """Yield a copy of a cache of times, which replaces it if the build succeeds."""
    if path is None:
        yield None
        return
    with atomic_path(path) as copy:
        if path.is_file():
            copy.write_bytes(path.read_bytes())
        yield str(copy)
