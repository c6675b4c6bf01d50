"""Copy a model without its weights."""

import copy

from refinemask.models.detector import Detector


def shared_copy(model: Detector) -> Detector:
    """Return a copy of a model in evaluation mode that shares all parameters and buffers."""
    shared = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    return copy.deepcopy(model, shared).eval()
