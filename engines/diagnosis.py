"""What runs here: every runtime and native library, each tried in a process of its own."""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from refinemask.engines.runtimes import RUNTIMES, Runtime, installed_plugins
from refinemask.engines.tensorrt.flavours import FLAVOURS
from refinemask.engines.trial import Trial, try_runtime
from refinemask.inference import native

HOSTS: dict[native.Kind, tuple[str, ...]] = {
    "runtime": ("python",),
    "ort": ("onnxruntime",),
    "ort_cuda": ("onnxruntime",),
    "openvino": ("openvino",),
    "torch": ("torch",),
    "trt": tuple(FLAVOURS),
    "trt_auto": tuple(FLAVOURS),
    "deepstream": ("python",),
}
"""What loads each library."""


@dataclass(frozen=True)
class Driver:
    """NVIDIA's driver: the newest CUDA that it runs, and its GPUs; or why there is none."""

    problem: str | None
    cuda: str | None = None
    gpus: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class RuntimeState:
    """A runtime, as it is installed here.

    Attributes:
        title: its name in prose.
        install: the command that installs it.
        installed: whether it is there; whether it works is for `problem` to say.
        version: of what is installed.
        problem: why it does not load, or not as it could; None if all is well.
        details: what it says of itself, see `refinemask.engines.probes`.
        forms: the forms of artifacts that it takes, by place: "cpu", "cuda", or "build" where it
            builds engines; "checkpoint" stands for what PyTorch runs instead.
    """

    title: str
    install: str
    installed: bool
    version: str | None = None
    problem: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    forms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class LibraryState:
    """A native library, as it was found here.

    Attributes:
        path: where it is; None if it is missing.
        loads: for each runtime that is installed here and loads it, whether it does.
        problems: the reason where it does not.
    """

    path: str | None
    loads: Mapping[str, bool] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Diagnosis:
    """What runs here; runtimes by their names, libraries by their kinds."""

    driver: Driver
    runtimes: dict[str, RuntimeState]
    libraries: dict[native.Kind, LibraryState]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)


def diagnose() -> Diagnosis:
    """Try what is installed, several things at a time; nothing missing or broken is an error."""
    hosts = {"python", *(name for name, one in RUNTIMES.items() if is_installed(one.module))}
    paths = {kind: native.library(kind) for kind in native.STEMS}
    found: list[_Job] = [
        (host, kind, path)
        for kind, path in paths.items()
        for host in HOSTS[kind]
        if path is not None and host in hosts
    ]
    alone = (hosts | {"driver"}) - {"python"} - {host for host, _, _ in found}
    if "onnxruntime" in hosts:
        alone |= {f"onnxruntime:{name}" for name in _providers()}
    jobs: list[_Job] = [*((host, None, None) for host in sorted(alone)), *found]
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        trials = dict(zip([job[:2] for job in jobs], pool.map(_try, jobs), strict=True))
    libraries = {kind: _library_state(path, kind, trials) for kind, path in paths.items()}
    driver = _driver_state(trials["driver", None])
    states = {
        name: _runtime_state(one, name in hosts, trials, libraries, driver)
        for name, one in RUNTIMES.items()
    }
    return Diagnosis(driver, states, libraries)


def _providers() -> tuple[str, ...]:
    """Return the providers of ONNX Runtime besides those of the devices, as users name them."""
    built_in = ("tensorrt",) if _version("onnxruntime-gpu") else ()
    return built_in + installed_plugins()


def is_installed(module: str) -> bool:
    """Return whether a module is there, without importing it."""
    with suppress(ImportError, ValueError):
        return find_spec(module) is not None
    return False


_Job = tuple[str, native.Kind | None, Path | None]
"""A runtime, or with a colon a provider of it, a library and its path."""

_Trials = Mapping[tuple[str, native.Kind | None], Trial]
"""By runtime and library."""


def _try(job: _Job) -> Trial:
    return try_runtime(*job)


def _library_state(path: Path | None, kind: native.Kind, trials: _Trials) -> LibraryState:
    if path is None:
        return LibraryState(None)
    # Where the runtime itself does not load, nothing is known of the library.
    tried = {
        host: trials[host, kind]
        for host in HOSTS[kind]
        if (host, kind) in trials and trials[host, kind].replies
    }
    return LibraryState(
        str(path),
        {host: trial.problem is None for host, trial in tried.items()},
        {host: trial.problem for host, trial in tried.items() if trial.problem is not None},
    )


def _driver_state(trial: Trial) -> Driver:
    if trial.problem is not None:
        return Driver(trial.problem)
    (said,) = trial.replies
    return Driver(None, said["cuda"], tuple(said["gpus"]))


def _runtime_state(
    runtime: Runtime,
    installed: bool,
    trials: _Trials,
    libraries: Mapping[native.Kind, LibraryState],
    driver: Driver,
) -> RuntimeState:
    name = runtime.title, f"pip install 'refinemask[{runtime.extra}]'"
    if not installed:
        return RuntimeState(*name, False)
    own = [trial for (host, _), trial in trials.items() if host == runtime.name]
    alive = next((trial for trial in own if trial.replies), None)
    if alive is None:
        return RuntimeState(*name, True, _version(runtime.module), own[0].problem)
    details = dict(alive.replies[0])
    if runtime.has_providers:
        details["named_providers"] = _provider_states(runtime.name, trials)
    places = _places(runtime, details, driver)
    forms = {place: _forms(runtime, place, libraries) for place in places}
    return RuntimeState(
        *name,
        True,
        details.pop("version"),
        _shortcoming(runtime.name, details, alive, driver),
        details,
        forms,
    )


def _provider_states(runtime: str, trials: _Trials) -> dict[str, dict[str, Any]]:
    """Return, for each provider that is named after a colon, what it says of itself."""
    found = {}
    for (host, _), trial in trials.items():
        own, colon, name = host.partition(":")
        if colon and own == runtime:
            said = trial.replies[0] if trial.replies else {"provider": None, "devices": []}
            found[name] = {**said, "problem": trial.problem}
    return found


def _places(runtime: Runtime, details: Mapping[str, Any], driver: Driver) -> list[str]:
    """Return where a runtime runs here, and "build" where it builds engines without a GPU."""
    if runtime.needs_gpu:
        builds = ["build"] if FLAVOURS[runtime.name].portable or driver.gpus else []
        return builds + ["cuda"] * bool(driver.gpus)
    on_gpu = bool(driver.gpus) and (details.get("cuda_starts") or details.get("gpus", 0) > 0)
    return ["cpu", "cuda"] if on_gpu else ["cpu"]


def _forms(
    runtime: Runtime, place: str, libraries: Mapping[native.Kind, LibraryState]
) -> tuple[str, ...]:
    """Return the forms that a runtime takes: the fused one with a library that loads only."""
    if runtime.runs_checkpoints:
        return ("checkpoint",)
    needed = runtime.libraries["cuda" if place == "build" else place]
    if libraries[needed].loads.get(runtime.name):
        return runtime.forms
    return tuple(form for form in runtime.forms if form != "fused")


def _shortcoming(name: str, details: Mapping[str, Any], trial: Trial, driver: Driver) -> str | None:
    """Return what is wrong with a runtime that loads."""
    if name == "onnxruntime" and _version("onnxruntime") and _version("onnxruntime-gpu"):
        return (
            "onnxruntime and onnxruntime-gpu overwrite each other's files; uninstall both, and "
            "install one"
        )
    provider = "CUDAExecutionProvider" in details.get("providers", ())
    if driver.gpus and provider and not details["cuda_starts"]:
        return f"its CUDA provider does not start: {trial.stderr or 'it gives no reason'}"
    if driver.gpus and details.get("cuda") and not details["gpus"]:
        return f"it is built for CUDA {details['cuda']} and sees none of the GPUs"
    return None


def _version(package: str) -> str | None:
    with suppress(metadata.PackageNotFoundError):
        return metadata.version(package)
    return None
