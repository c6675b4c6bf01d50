"""Engines of artifacts that were opened before, kept for the next time."""

import hashlib
import json
import logging
import os
from pathlib import Path

from refinemask.engines.tensorrt.build_lock import in_turn
from refinemask.engines.tensorrt.engine_file import build_artifact, check_form
from refinemask.engines.tensorrt.flavours import Flavour
from refinemask.engines.tensorrt.gpu import current_gpu
from refinemask.engines.tensorrt.options import BuildOptions
from refinemask.engines.tensorrt.record import check_host, read_record
from refinemask.errors import RefineMaskError
from refinemask.files import sha256
from refinemask.inference import native
from refinemask.inference.artifact import Artifact
from refinemask.version import __version__

logger = logging.getLogger(__name__)


def cache_folder() -> Path:
    """Return the folder of cached engines: in $REFINEMASK_CACHE, $XDG_CACHE_HOME or ~/.cache."""
    own = os.environ.get("REFINEMASK_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(own) if own else Path(base) / "refinemask"


def cached_engine(artifact: Artifact, flavour: Flavour, index: int) -> Path:
    """Return the engine of an artifact for a GPU; build it if there is none yet, and say so.

    Raises:
        RefineMaskError: there is no such GPU, or as `build_artifact`.
    """
    check_form(artifact, flavour.title)
    gpu = current_gpu(index)
    engine = engine_path(artifact, flavour, f"{gpu.name} {gpu.capability}")
    build_once(artifact, engine, flavour, index)
    return engine


def build_once(artifact: Artifact, engine: Path, flavour: Flavour, index: int) -> None:
    """Build an engine, unless it is there and fits, and say so; wait while another process does.

    Raises:
        RefineMaskError: as `build_artifact`.
    """
    if _fits(engine):
        return
    with in_turn(engine) as log:
        if _fits(engine):  # the other process has built it
            return
        logger.warning("building the engine of %s, once: it is %s", artifact.path, engine)
        build_artifact(artifact, engine, BuildOptions(flavour.name), gpu=index, log=log)


def _fits(engine: Path) -> bool:
    """Return whether there is an engine that fits what is installed now."""
    try:
        check_host(read_record(engine), engine)
    except RefineMaskError:
        return False
    return True


def engine_path(artifact: Artifact, flavour: Flavour, gpu: str) -> Path:
    """Return where the cached engine of an artifact is, by a hash of all that it depends on."""
    plugins = native.library("trt") if artifact.metadata.form == "fused" else None
    key = [
        artifact.sha256,
        sha256(plugins) if plugins else None,
        flavour.name,
        flavour.version(),
        gpu,
        __version__,
    ]
    digest = hashlib.sha256(json.dumps(key).encode()).hexdigest()[:32]
    return cache_folder() / "engines" / f"{digest}.engine"
