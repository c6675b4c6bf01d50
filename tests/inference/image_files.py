"""Image files that tests write."""

import cv2


def write(path, array, flags=()):
    assert cv2.imwrite(str(path), array, list(flags))
    return path
