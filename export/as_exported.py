"""The model that an artifact is compared with."""

from refinemask.export.sampling import with_sampling_ratio
from refinemask.inference.metadata import ArtifactMetadata
from refinemask.models import Detector
from refinemask.models.adaptive_depth import with_adaptive_depth


def as_exported(model: Detector, metadata: ArtifactMetadata) -> Detector:
    """Return a model with what an export changes by more than rounding.

    Args:
        model: that an artifact was exported from.
        metadata: of the artifact, which says what was changed.

    Returns:
        A copy that shares all parameters with the model, or the model itself.
    """
    model = with_sampling_ratio(model, metadata.sampling_ratio)
    return with_adaptive_depth(model) if metadata.adaptive_depth else model
