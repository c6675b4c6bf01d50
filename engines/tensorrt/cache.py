"""Engines of artifacts that were opened before, kept for the next time."""

import hashlib
import json
import logging
import os
from pathlib import Path

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
    try:
        check_host(read_record(engine), engine)
    except RefineMaskError:  # there is none, or it does not fit what is installed now
        logger.warning(
            "building the engine of %s for %s, once: it is kept in %s",
            artifact.path,
            gpu.name,
            engine.parent,
        )
        build_artifact(artifact, engine, BuildOptions(flavour.name), gpu=index)
    return engine


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
