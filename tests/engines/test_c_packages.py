"""The packages that CPack makes of librefinemask, and a program that is built against each."""

import re
import shutil
from pathlib import Path

import pytest

from refinemask.version import __version__
from tests.conftest import ROOT
from tests.engines.c_library import runtime_library
from tests.engines.test_c_programs import BUILD, run_well
from tests.engines.test_engines import FUSED_GRAPH


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """Return the folder of the .deb and the tarball."""
    if not (BUILD / "CPackConfig.cmake").is_file():
        pytest.skip("the libraries were not built in this checkout; build them with: make native")
    for program in ("dpkg", "dpkg-deb"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    folder = tmp_path_factory.mktemp("packages")
    config = BUILD / "CPackConfig.cmake"
    run_well("cpack", "-G", "DEB;TGZ", "-B", folder, "--config", config)
    return folder


@pytest.fixture(scope="module", params=["deb", "tar.gz"])
def prefix(request, packages, tmp_path_factory):
    """Return the prefix in an unpacked package."""
    folder = tmp_path_factory.mktemp("unpacked")
    (package,) = packages.glob(f"*.{request.param}")
    if request.param == "deb":
        run_well("dpkg", "-x", package, folder)
        return folder / "usr"
    run_well("tar", "-xf", package, "-C", folder)
    (inside,) = folder.iterdir()
    assert inside.name.startswith(f"refinemask-{__version__}-linux-")
    return inside


def test_what_is_in_it(prefix):
    files = {str(path.relative_to(prefix)) for path in prefix.rglob("*") if path.is_file()}
    assert {
        "include/refinemask/refinemask.h",
        "include/refinemask/refinemask.hpp",
        "lib/librefinemask.so",
        "lib/librefinemask_ort.so",
        "lib/cmake/refinemask/refinemask-config.cmake",
        "lib/pkgconfig/refinemask.pc",
        "share/doc/refinemask/NOTICE",
        "share/doc/refinemask/copyright",
    } <= files
    assert all(not path.is_symlink() for path in prefix.rglob("*"))


def test_a_program_that_is_built_against_it(prefix, picture, make_artifact, tmp_path):
    pytest.importorskip("onnxruntime")
    sources, path = ROOT / "examples" / "cpp", f"-DCMAKE_PREFIX_PATH={prefix}"
    programs = tmp_path / "programs"
    run_well("cmake", "-S", sources, "-B", programs, path)
    run_well("cmake", "--build", programs, "--target", "segment")
    artifact = make_artifact(graph=FUSED_GRAPH, form="fused")
    library = {"REFINEMASK_ONNXRUNTIME": runtime_library("onnxruntime")}
    overlay = tmp_path / "overlay.ppm"
    printed = run_well(programs / "segment", artifact, picture, overlay, **library)
    assert printed == "person 0.784314 at 0 0 48 32\n"
    linked = run_well("ldd", programs / "segment")
    assert str(prefix / "lib" / "librefinemask.so") in linked


def test_dependencies_of_the_deb(packages, tmp_path):
    (package,) = packages.glob("*.deb")
    architecture = run_well("dpkg", "--print-architecture").strip()
    assert package.name == f"refinemask_{__version__}_{architecture}.deb"
    depends = run_well("dpkg-deb", "--field", package, "Depends").strip()
    glibc, *others = depends.split(", ")
    assert others == ["libgcc-s1", "libstdc++6"]
    run_well("dpkg", "-x", package, tmp_path)
    assert glibc == f"libc6 (>= {'.'.join(map(str, newest_glibc(tmp_path)))})"
    control = tmp_path / "control"
    run_well("dpkg-deb", "--control", package, control)
    assert Path(control, "triggers").read_text() == "activate-noawait ldconfig\n"


def newest_glibc(folder: Path) -> tuple[int, ...]:
    """Return the newest version of glibc of which a library below the folder uses a symbol."""
    symbols = run_well("objdump", "-T", *sorted(folder.rglob("*.so")))
    versions = re.findall(r"\(GLIBC_([\d.]+)\)", symbols)
    return max(tuple(map(int, version.split("."))) for version in versions)
