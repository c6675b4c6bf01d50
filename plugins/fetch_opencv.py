"""Get Debian's OpenCV for the examples in C++, without installing it.

    python plugins/fetch_opencv.py [--folder build/opencv]

prints a folder for CMake's OpenCV_DIR. It holds the modules core and imgproc of this system's
release, which is Debian, and those packages they need that are not installed: 50 MB. The CMake
package of libopencv-dev asks for all modules and the 200 packages that those need, so one of our
own stands in its place. The second call needs no network.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from fetch_headers import FetchError, apt_command, publish, run, unpack

PACKAGE = "libopencv-imgproc-dev"
DRIVER = """\
Package: libglx-mesa0
Status: install ok installed
Architecture: amd64
Version: 99
"""
"""Stands for drivers of screens: 200 MB that OpenCV requires through libglx0 and never calls."""
CONFIGURATION = """\
set(root ${CMAKE_CURRENT_LIST_DIR}/raw/usr)
file(GLOB headers LIST_DIRECTORIES true ${root}/include/opencv4 ${root}/include/*/opencv4)
file(GLOB folders LIST_DIRECTORIES true ${root}/lib/*-linux-gnu ${root}/lib/*-linux-gnu/lapack
  ${root}/lib/*-linux-gnu/blas)
list(JOIN folders ":" path)
set(OpenCV_LIBS "")
foreach(module core imgproc)
  file(GLOB library ${root}/lib/*-linux-gnu/libopencv_${module}.so)
  add_library(opencv_${module} SHARED IMPORTED)
  set_target_properties(opencv_${module} PROPERTIES IMPORTED_LOCATION ${library}
    INTERFACE_INCLUDE_DIRECTORIES "${headers}"
    INTERFACE_LINK_OPTIONS "LINKER:--disable-new-dtags,-rpath,${path}") # also of what it links
  list(APPEND OpenCV_LIBS opencv_${module})
endforeach()
"""


def fetch(folder: Path) -> Path:
    """Return `folder`, which holds OpenCVConfig.cmake; fill it where it does not exist.

    Raises:
        FetchError: the packages could not be fetched.
    """
    if (folder / "OpenCVConfig.cmake").is_file():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".opencv-") as temporary:
        work = Path(temporary)
        apt = apt_command(work)
        raw = unpack(work, apt, _missing_packages(work, apt))
        if not list(raw.rglob("libopencv_imgproc.so")):
            raise FetchError("it is installed already, but without its CMake package")
        ready = work / "ready"
        ready.mkdir()
        raw.rename(ready / "raw")
        (ready / "OpenCVConfig.cmake").write_text(CONFIGURATION, encoding="utf-8")
        publish(ready, folder)
    return folder


def _missing_packages(work: Path, apt: list[str | Path]) -> list[str]:
    """Return the packages to unpack: new ones alone, as an upgraded libc would not fit the rest."""
    status = work / "status"
    known = Path("/var/lib/dpkg/status")
    installed = known.read_text(encoding="utf-8") if known.is_file() else ""
    status.write_text(f"{installed.rstrip()}\n\n{DRIVER}", encoding="utf-8")
    plan = run(
        [
            *apt,
            f"-oDir::State::status={status}",
            "install",
            "--simulate",
            "--no-install-recommends",
            PACKAGE,
        ],
        work,
    )
    words = [line.split() for line in plan.splitlines() if line.startswith("Inst ")]
    return [name for _, name, version, *_ in words if version.startswith("(")]


def main() -> int:
    """Fetch OpenCV and print where it is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = Path(__file__).resolve().parents[1] / "build" / "opencv"
    parser.add_argument("--folder", type=Path, default=default, help="where it is kept")
    try:
        print(fetch(parser.parse_args().folder.resolve()))  # noqa: T201
    except FetchError as error:
        print(  # noqa: T201
            f"cannot fetch OpenCV: {error}; install it, on Debian as libopencv-dev", file=sys.stderr
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
