"""Get the C++ headers that the native libraries are compiled with, where no SDK has them.

    python plugins/fetch_headers.py nlohmann_json|onnxruntime|tensorrt [--folder build/headers]

prints the folder that holds `include/`. Those of nlohmann-json and ONNX Runtime come from Debian's
packages, through the mirror that this machine's apt already uses but with lists of our own, so that
nothing of the system changes; TensorRT's from a package that pip downloads and nobody installs. All
are kept in the folder: the second call needs no network.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

DEBIAN_SUITE = "trixie"
DEBIAN_PACKAGES = {"nlohmann_json": "nlohmann-json3-dev", "onnxruntime": "libonnxruntime-dev"}
TENSORRT_PACKAGE = "kernel-lens==2.0.1"  # carries the headers of TensorRT 10.14
MAIN_HEADERS = {
    "nlohmann_json": "nlohmann/json.hpp",
    "onnxruntime": "onnxruntime_cxx_api.h",
    "tensorrt": "NvInfer.h",
}


class FetchError(Exception):
    """Why the headers could not be had."""


def fetch(name: str, folder: Path) -> Path:
    """Return `folder`/`name`, which holds `include/`; fill it where it does not exist.

    Raises:
        FetchError: the headers could not be fetched.
    """
    kept = folder / name
    if (kept / "include" / MAIN_HEADERS[name]).is_file():
        return kept
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=f".{name}-") as temporary:
        work = Path(temporary)
        package = DEBIAN_PACKAGES.get(name)
        raw = _python_package(work) if package is None else _debian_package(work, package)
        found = sorted(raw.rglob(MAIN_HEADERS[name]))
        if not found:
            raise FetchError(f"the package has no {MAIN_HEADERS[name]}")
        ready = work / "ready"
        depth = len(Path(MAIN_HEADERS[name]).parts)
        shutil.copytree(found[0].parents[depth - 1], ready / "include")
        shutil.rmtree(kept, ignore_errors=True)  # What an older version of this file left.
        publish(ready, kept)
    return kept


def publish(ready: Path, folder: Path) -> None:
    """Move a folder to its place in one step: one that is there is complete."""
    try:
        ready.replace(folder)
    except OSError:
        if not folder.is_dir():  # Else another build was faster.
            raise


def _debian_package(work: Path, name: str) -> Path:
    apt = apt_command(work, DEBIAN_SUITE)
    return unpack(work, apt, [name])


def apt_command(work: Path, suite: str = "") -> list[str | Path]:
    """Return the words of an apt-get with lists of its own, which are up to date.

    Args:
        work: a folder for its files.
        suite: the release of Debian whose packages it sees; that of this system if empty.

    Raises:
        FetchError: this is not Debian, or the mirror cannot be reached.
    """
    for program in ("apt-get", "dpkg"):
        if shutil.which(program) is None:
            raise FetchError(f"this machine has no {program}")
    lists, cache = work / "lists", work / "cache"
    (lists / "partial").mkdir(parents=True)
    (cache / "archives" / "partial").mkdir(parents=True)
    uri, keyring, own_suite = _debian_mirror()
    signed = f"[signed-by={keyring}] " if keyring else ""
    sources = work / "sources.list"
    sources.write_text(f"deb {signed}{uri} {suite or own_suite} main\n", encoding="utf-8")
    apt: list[str | Path] = [
        "apt-get",
        "-qq",
        f"-oDir::Etc::SourceList={sources}",
        "-oDir::Etc::SourceParts=/dev/null",
        f"-oDir::State::Lists={lists}",
        f"-oDir::Cache={cache}",
        "-oAPT::Sandbox::User=",  # its own user could not write here
    ]
    run([*apt, "update"], work)
    return apt


def unpack(work: Path, apt: list[str | Path], names: list[str]) -> Path:
    """Download packages and return the folder that they are unpacked in.

    Raises:
        FetchError: one is not there, or cannot be downloaded.
    """
    run([*apt, "download", *names], work)
    for package in sorted(work.glob("*.deb")):
        run(["dpkg", "-x", package, work / "raw"], work)
    return work / "raw"


def _debian_mirror() -> tuple[str, str, str]:
    """Return the address and the keyring of the mirror of this machine's release, and its name."""
    release = _fields(Path("/etc/os-release"), "=")
    codename = release.get("VERSION_CODENAME", "")
    if release.get("ID") != "debian" or not codename:
        raise FetchError("the package is Debian's, and this system is not Debian")
    for file in sorted(Path("/etc/apt").glob("**/*.sources")):
        for stanza in file.read_text(encoding="utf-8").split("\n\n"):
            fields = _stanza(stanza)
            if codename in fields.get("Suites", "").split() and "main" in fields.get(
                "Components", ""
            ):
                return fields["URIs"].split()[0], fields.get("Signed-By", ""), codename
    for file in sorted(Path("/etc/apt").glob("**/*.list")):
        for line in file.read_text(encoding="utf-8").splitlines():
            options, _, rest = line.partition("]") if "[" in line else ("", "", line)
            words = rest.removeprefix("deb ").split()
            if line.startswith("deb ") and len(words) > 2 and words[1] == codename:
                keyring = options.partition("signed-by=")[2].split()
                return words[0], keyring[0] if keyring else "", codename
    raise FetchError(f"apt has no source for {codename}")


def _stanza(text: str) -> dict[str, str]:
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    pairs = [line.partition(":") for line in lines if ":" in line and not line[0].isspace()]
    return {key.strip(): value.strip() for key, _, value in pairs}


def _fields(file: Path, separator: str) -> dict[str, str]:
    if not file.is_file():
        return {}
    pairs = [line.partition(separator) for line in file.read_text(encoding="utf-8").splitlines()]
    return {key.strip(): value.strip().strip('"') for key, _, value in pairs}


def _python_package(work: Path) -> Path:
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    run([*pip, "--only-binary", ":all:", "--dest", work, TENSORRT_PACKAGE], work)
    (wheel,) = work.glob("*.whl")
    raw = work / "raw"
    with zipfile.ZipFile(wheel) as archive:
        headers = [name for name in archive.namelist() if name.endswith(".h")]
        archive.extractall(raw, headers)
    return raw


def run(command: list[str | Path], folder: Path) -> str:
    """Run a command and return what it printed; raise FetchError if it fails."""
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1]
        words = " ".join(str(word) for word in command if not str(word).startswith("-o"))
        raise FetchError(f"`{words}` failed: {said}")
    return done.stdout


def main() -> int:
    """Fetch what the command line asks for and print where it is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=sorted(MAIN_HEADERS))
    default = Path(__file__).resolve().parents[1] / "build" / "headers"
    parser.add_argument("--folder", type=Path, default=default, help="where they are kept")
    arguments = parser.parse_args()
    try:
        print(fetch(arguments.name, arguments.folder.resolve()))  # noqa: T201
    except FetchError as error:
        root = f"{arguments.name.upper()}_ROOT"
        print(  # noqa: T201
            f"cannot fetch the headers of {arguments.name}: {error}; set {root} to the folder of "
            f"an SDK or release archive, which has {MAIN_HEADERS[arguments.name]} in include/",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
