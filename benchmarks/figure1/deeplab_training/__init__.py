"""Training of the DeepLabV3+ of Figure 1; not part of the wheel.

It runs in a checkout: `python -m refinemask.benchmarks.figure1.deeplab_training`.
"""
