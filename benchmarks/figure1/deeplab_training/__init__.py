"""Trains the DeepLabV3+ of Figure 1; runs from a checkout and is not part of the wheel."""
