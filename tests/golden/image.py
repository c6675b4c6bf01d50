"""The images on which the official implementation was run."""

import numpy as np
import torch
from torch import Tensor

WAVES = ((200.0, 0.6, 3), (70.0, 0.5, 5), (25.0, 0.4, 8), (9.0, 0.2, 8))
"""Mean wavelength in pixels, amplitude and number of each kind."""


def make_image(
    seed: int, height: int = 250, width: int = 310, padded: tuple[int, int] = (256, 320)
) -> Tensor:
    """Draw waves with soft-edged ellipses over them.

    Returns:
        Normalised float32 (3, *padded) in -2.5 to 2.5, zero outside of (height, width). It is the
        same on all machines to 1e-6.
    """
    rng = np.random.default_rng(1000003 + seed)
    y, x = np.meshgrid(np.arange(height) + 0.5, np.arange(width) + 0.5, indexing="ij")
    image = np.zeros((3, height, width))
    for wavelength, amplitude, count in WAVES:
        for _ in range(count):
            angle, phase = rng.uniform(0, np.pi), rng.uniform(0, 2 * np.pi)
            period = wavelength * rng.uniform(0.6, 1.6)
            colour = rng.standard_normal(3) * amplitude / np.sqrt(count) * 1.4
            along = x * np.cos(angle) + y * np.sin(angle)
            image += colour[:, None, None] * np.sin(2 * np.pi * along / period + phase)
    for _ in range(14):
        centre_x, centre_y = rng.uniform(0, width), rng.uniform(0, height)
        a, b = rng.uniform(8, 90), rng.uniform(8, 70)
        angle = rng.uniform(0, np.pi)
        u = (x - centre_x) * np.cos(angle) + (y - centre_y) * np.sin(angle)
        v = -(x - centre_x) * np.sin(angle) + (y - centre_y) * np.cos(angle)
        beyond = (np.sqrt((u / a) ** 2 + (v / b) ** 2) - 1) * min(a, b) / 1.5
        inside = 1 / (1 + np.exp(np.clip(beyond, -50, 50)))
        colour = rng.standard_normal(3) * 1.2
        image = image * (1 - inside) + (0.4 * image + colour[:, None, None]) * inside
    canvas = torch.zeros(3, *padded)
    canvas[:, :height, :width] = torch.from_numpy(np.clip(image, -2.5, 2.5))
    return canvas
