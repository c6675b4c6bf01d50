"""The table of runtimes, which needs neither a runtime nor NumPy (standard library only)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from refinemask.engines.tensorrt.flavours import FLAVOURS
from refinemask.errors import RefineMaskError, WrongUsage

if TYPE_CHECKING:
    from refinemask.inference.artifact import Artifact
    from refinemask.inference.native import Kind


@dataclass(frozen=True)
class Runtime:
    """Software that runs a model; the engine for it is `refinemask.engines.<name>`.

    Attributes:
        name: its name in options and in `refinemask.engines.open`.
        title: its name in prose.
        module: the Python module that it is.
        extra: the extra of this package that installs it.
        libraries: the kinds of devices it runs on, each with the library of our operators there.
        forms: the forms of artifacts it runs; empty if it runs checkpoints instead.
        has_providers: whether it leaves the computation to execution providers.
        provider: the one that was asked for; None if the device decides.
    """

    name: str
    title: str
    module: str
    extra: str
    libraries: "Mapping[str, Kind]"
    forms: tuple[str, ...] = ()
    has_providers: bool = False
    provider: str | None = None

    @property
    def runs_checkpoints(self) -> bool:
        """Whether it runs the model itself, in PyTorch, instead of artifacts."""
        return not self.forms

    @property
    def needs_gpu(self) -> bool:
        """Whether it runs on NVIDIA GPUs only."""
        return "cpu" not in self.libraries

    def check_form(self, artifact: "Artifact") -> None:
        """Raise RefineMaskError unless the runtime runs the form of an artifact."""
        form = artifact.metadata.form
        if form not in self.forms:
            others = [o.name for o in RUNTIMES.values() if form in o.forms and not o.needs_gpu]
            advice = f"run it with {' or '.join(others)}, or " if others else ""
            raise RefineMaskError(
                f"{artifact.path} is an artifact of the form {form}, and {self.title} runs "
                f"{' and '.join(self.forms)} ones only; {advice}export it with "
                f"refinemask-export --form {self.forms[0]}"
            )

    def require(self) -> None:
        """Import the runtime.

        Raises:
            RefineMaskError: it is not installed, or its installation is broken.
        """
        try:
            import_module(self.module)
        except ImportError as error:
            raise RefineMaskError(
                f"the {self.name} engine needs {self.title}; install it with: "
                f"pip install 'refinemask[{self.extra}]'"
            ) from error


COMPILED = "torch_compiled"
"""The runtime that compiles a model in PyTorch."""

_FORMS = ("portable", "fused", "static")

RUNTIMES = {
    runtime.name: runtime
    for runtime in (
        Runtime(
            "onnxruntime",
            "ONNX Runtime",
            "onnxruntime",
            "runtime",
            {"cpu": "ort", "cuda": "ort_cuda"},
            _FORMS,
            has_providers=True,
        ),
        Runtime("openvino", "OpenVINO", "openvino", "openvino", {"cpu": "openvino"}, _FORMS),
        Runtime("torch", "PyTorch", "torch", "torch", {"cpu": "torch", "cuda": "torch"}),
        Runtime(
            COMPILED,
            "PyTorch (compiled)",
            "torch",
            "torch",
            {"cpu": "torch", "cuda": "torch"},
        ),
        *(
            Runtime(
                one.name, one.title, one.module, one.extra, {"cuda": "trt"}, ("fused", "static")
            )
            for one in FLAVOURS.values()
        ),
    )
}
"""Every runtime by its name; the first one is the default."""

ARTIFACT_RUNTIMES = tuple(one.name for one in RUNTIMES.values() if not one.runs_checkpoints)
"""Names of the runtimes that run artifacts; the others run checkpoints."""

CHECKPOINT_RUNTIMES = tuple(one.name for one in RUNTIMES.values() if one.runs_checkpoints)


PLUGIN_PACKAGES = "onnxruntime_ep_"
"""What the names of packages with a plugin provider of ONNX Runtime begin with."""


def find_runtime(name: str) -> Runtime:
    """Return the runtime of a name, which may end with a provider: "onnxruntime:openvino".

    Raises:
        WrongUsage: there is none, or it has no providers.
    """
    own, colon, provider = name.partition(":")
    if own not in RUNTIMES:
        raise WrongUsage(f"unknown runtime {name!r}; choose one of {runtime_names()}")
    runtime = RUNTIMES[own]
    if not colon:
        return runtime
    if not runtime.has_providers:
        raise WrongUsage(f"{runtime.title} has no providers, got {name!r}; write {own}")
    if not provider:
        raise WrongUsage(
            f"the runtime {name!r} names no provider after the colon; write {own}, or for example "
            f"{own}:tensorrt"
        )
    return replace(runtime, provider=provider)


def runtime_names() -> str:
    """Return the names of all runtimes, as errors and help texts list them."""
    return ", ".join(f"{n}[:PROVIDER]" if r.has_providers else n for n, r in RUNTIMES.items())


def installed_plugins() -> tuple[str, ...]:
    """Return the names of the plugin providers of ONNX Runtime that are installed."""
    found = (module.name for module in iter_modules() if module.name.startswith(PLUGIN_PACKAGES))
    return tuple(sorted(name.removeprefix(PLUGIN_PACKAGES) for name in found))


def check_comparable(names: Sequence[str]) -> None:
    """Check the names of runtimes that are to be compared with each other.

    Raises:
        WrongUsage: one is unknown or given twice, or there are fewer than two.
    """
    for name in names:
        find_runtime(name)
        if names.count(name) > 1:
            raise WrongUsage(f"the runtime {name} is given twice; give each one once")
    if len(names) < 2:
        raise WrongUsage(
            f"two or more runtimes can be compared, got {' '.join(names) or 'none'}; give their "
            "names with commas, such as torch,onnxruntime"
        )
