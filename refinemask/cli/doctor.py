"""`refinemask doctor`: what is installed and works here, and what installs the rest."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from refinemask.configs.shared_options import Json
from refinemask.console import EXTRAS, current_setup, note, write_result
from refinemask.engines.runtimes import COMPILED
from refinemask.printable import one_line

if TYPE_CHECKING:
    from refinemask.engines.diagnosis import Diagnosis, LibraryState, RuntimeState

_PURPOSES = {
    "runtime": "fast mask pasting",
    "ort": "fused artifacts on the CPU",
    "ort_cuda": "fused artifacts on GPUs",
    "openvino": "fused artifacts in OpenVINO",
    "torch": "fast predictions of checkpoints",
    "trt": "engines of fused artifacts",
    "trt_auto": "the same, by loading alone",
    "deepstream": "masks in NVIDIA DeepStream",
}
_NEED_NVCC = ("ort_cuda", "trt", "trt_auto")
_PLACES = {"cpu": "CPU", "cuda": "GPU", "build": "builds engines"}
_FORMS = ("portable", "fused", "static")


def doctor(json: Json = None) -> None:
    """Show what is installed and works here, and what installs the rest.

    Every runtime and native library is loaded in a process of its own. Exits with 0 whatever is
    missing. JSON: "driver", "runtimes" by name, "libraries" by kind, "missing".
    """
    from refinemask.engines.diagnosis import diagnose

    note("loading each runtime and library in a process of its own")
    found = diagnose()
    missing = list(_missing(found))
    setup = current_setup()
    sections = (
        _machine(setup, found),
        _runtimes(found),
        _libraries(found),
        _packages(setup["versions"]),
        _advice(missing),
    )
    table = "\n\n".join("\n".join(lines) for lines in sections)
    write_result(table, found.to_dict() | {"missing": missing, "setup": setup}, json)


def _missing(found: "Diagnosis") -> Iterator[dict[str, str]]:
    """Yield what is missing, and the command that installs it."""
    from refinemask.engines.diagnosis import is_installed

    gpus = bool(found.driver.gpus)
    for name, runtime in found.runtimes.items():
        if not runtime.installed and name != COMPILED and (gpus or name != "tensorrt"):
            yield {"what": runtime.title, "command": runtime.install}
    onnxruntime = found.runtimes["onnxruntime"]
    if gpus and "CUDAExecutionProvider" not in onnxruntime.details.get("providers", ()):
        install = "pip uninstall --yes onnxruntime && pip install 'refinemask[gpu]'"
        yield {"what": "ONNX Runtime's CUDA provider", "command": install}
    yield from _missing_libraries(found)
    modules = [module for module in EXTRAS if module not in found.runtimes]
    absent = [module for module in modules if not is_installed(module)]
    for extra in dict.fromkeys(EXTRAS[module] for module in absent):
        names = ", ".join(module for module in absent if EXTRAS[module] == extra)
        yield {"what": names, "command": f"pip install 'refinemask[{extra}]'"}


def _missing_libraries(found: "Diagnosis") -> Iterator[dict[str, str]]:
    from refinemask.engines.diagnosis import HOSTS
    from refinemask.inference.native import BUILD_COMMAND

    usable = {"python", *(name for name, one in found.runtimes.items() if one.installed)}
    wanted = [
        kind
        for kind, library in found.libraries.items()
        if usable & set(HOSTS[kind]) and (library.path is None or False in library.loads.values())
    ]
    for kinds, where in (
        ([kind for kind in wanted if kind not in _NEED_NVCC], "in a checkout"),
        ([kind for kind in wanted if kind in _NEED_NVCC], "in a checkout, with CUDA's nvcc"),
    ):
        if kinds:
            names = ", ".join(map(_file_name, kinds))
            yield {"what": f"{names} ({where})", "command": BUILD_COMMAND}


def _machine(setup: dict[str, Any], found: "Diagnosis") -> list[str]:
    machine, versions, driver = setup["machine"], setup["versions"], found.driver
    features = ", ".join(machine["processor_features"]) or "no AVX2"
    lines = [
        f"refinemask {versions['refinemask']}, Python {versions['python']}, {machine['system']}",
        f"CPU     {one_line(machine['processor'])}, cores for this process: {machine['cores']}",
        f"        {features}",
        f"Memory  {machine['memory_bytes'] / 2**30:.1f} GiB",
    ]
    if driver.problem is not None:
        return [*lines, f"GPU     none found: {driver.problem}"]
    for gpu in driver.gpus:
        memory = f"{gpu['memory_bytes'] / 2**30:.1f} GiB"
        capability = f"compute capability {gpu['compute_capability']}"
        lines.append(f"GPU     {one_line(gpu['name'])}, {memory}, {capability}")
    known = "; ".join(map(one_line, machine["gpus"])) or "nvidia-smi says nothing"
    return [*lines, f"Driver  for CUDA up to {driver.cuda} ({known})"]


def _runtimes(found: "Diagnosis") -> list[str]:
    lines = [f"{'Runtime':<34}{'':<16}" + "".join(f"{form:<10}" for form in _FORMS).rstrip()]
    for runtime in found.runtimes.values():
        name = f"{runtime.title} {runtime.version or ''}".strip()
        rows = [_row(place, forms) for place, forms in runtime.forms.items()]
        if not runtime.installed:
            rows = ["not installed"]
        elif not rows:
            rows = ["does not load" if runtime.problem else "is not used by this package yet"]
        for index, row in enumerate(rows):
            lines.append(f"{'' if index else name:<34}{row}".rstrip())
        lines += [f"  {text}" for text in _remarks(runtime)]
    return lines


def _row(place: str, forms: tuple[str, ...]) -> str:
    if "checkpoint" in forms:
        return f"{_PLACES[place]:<16}checkpoints"
    return f"{_PLACES[place]:<16}" + "".join(
        f"{'yes' if form in forms else '-':<10}" for form in _FORMS
    )


def _remarks(runtime: "RuntimeState") -> Iterator[str]:
    details = runtime.details
    if "providers" in details:
        yield f"providers: {', '.join(details['providers'])}"
    for name, one in details.get("named_providers", {}).items():
        state = f"{one['provider']}, devices: {', '.join(one['devices']) or 'none here'}"
        yield f"onnxruntime:{name}: {one['problem'] or state}"
    if "devices" in details:
        yield f"devices: {', '.join(details['devices'])}"
    if "gpus" in details:
        cuda = f"for CUDA {details['cuda']}" if details["cuda"] else "without CUDA"
        yield f"built {cuda}; GPUs that it sees: {details['gpus']}"
    if runtime.problem:
        yield f"problem: {runtime.problem}"


def _libraries(found: "Diagnosis") -> list[str]:
    from refinemask.inference.native import folder

    lines = [f"Libraries in {one_line(str(folder()))}"]
    for kind, library in found.libraries.items():
        state = _state(library, found)
        lines.append(f"{_file_name(kind):<34}{_PURPOSES[kind]:<34}{state}")
        if library.path is not None and Path(library.path).parent != folder():
            lines.append(f"  in {one_line(str(Path(library.path).parent))}")
        lines += [f"  {_title(host, found)}: {why}" for host, why in library.problems.items()]
    return lines


def _state(library: "LibraryState", found: "Diagnosis") -> str:
    if library.path is None:
        return "missing"
    if not library.loads:
        return "not tried: nothing that loads it works here"
    states = [
        f"{'loads' if works else 'does not load'} in {_title(host, found)}"
        for host, works in library.loads.items()
    ]
    return ", ".join(states)


def _title(host: str, found: "Diagnosis") -> str:
    return "Python" if host == "python" else found.runtimes[host].title


def _file_name(kind: str) -> str:
    from refinemask.inference.native import STEMS

    return f"lib{STEMS[kind]}.so"  # type: ignore[index]  # a kind, as the keys of a diagnosis


def _packages(versions: dict[str, str]) -> list[str]:
    apart = ("refinemask", "python")
    return ["Packages", *(f"{n:<34}{v}" for n, v in versions.items() if n not in apart)]


def _advice(missing: list[dict[str, str]]) -> list[str]:
    if not missing:
        return ["Nothing is missing."]
    return ["Missing", *(f"{one['what']}\n  {one['command']}" for one in missing)]
