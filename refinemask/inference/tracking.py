"""Objects followed through a video: ByteTrack, of the packages supervision and trackers."""

import numpy as np
from numpy.typing import NDArray

from refinemask.errors import RefineMaskError
from refinemask.inference.structures import Detections

INSTALL = "pip install supervision && pip install --no-deps trackers"
"""Without --no-deps, opencv-python would come along and overwrite opencv-python-headless."""
NO_TRACK = -1
"""Stands for the id of a detection that belongs to no track."""


class Tracker:
    """Gives the detections of one video, frame by frame, the ids of their tracks.

    A track begins with a detection of a high score, and has an id from its second frame on. Lost
    for more than a second, it ends. Classes and masks have no influence.
    """

    def __init__(self, fps: float) -> None:
        """Begin with no tracks.

        Args:
            fps: how many frames of a second are given.

        Raises:
            RefineMaskError: a package is not installed.
        """
        try:
            import supervision
            from trackers import ByteTrackTracker
        except ImportError as error:
            raise RefineMaskError(
                f"following objects needs the packages supervision and trackers ({error}); install "
                f"them with: {INSTALL}"
            ) from error
        self._new_detections = supervision.Detections
        self._tracker = ByteTrackTracker(frame_rate=fps)

    def update(self, found: Detections) -> NDArray[np.int64]:
        """Return the id of the track of each detection of the next frame, `NO_TRACK` for none.

        Ids count from 0.
        """
        tracked = self._tracker.update(
            self._new_detections(
                xyxy=found.boxes,
                confidence=found.scores,
                class_id=found.labels,
                data={"position": np.arange(len(found))},  # the tracker changes the order
            )
        )
        ids = np.full(len(found), NO_TRACK, np.int64)
        if len(tracked):
            ids[np.asarray(tracked.data["position"])] = np.asarray(tracked.tracker_id, np.int64)
        return ids
