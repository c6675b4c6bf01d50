"""Settings of OpenVINO's CPU device, for its own runtime and as a provider of ONNX Runtime."""

CACHE_CAPACITY = 100
"""Most compiled layers that are kept for shapes of earlier images. OpenVINO's own limit is 5000,
and memory grows by 7 MB for each new shape until it is reached; with this one it stops growing
after a few shapes, and the small model is as fast."""

FLOAT32: dict[str, str | int] = {"INFERENCE_PRECISION_HINT": "f32"}
"""Otherwise OpenVINO computes in bfloat16 on CPUs that have it, boxes included."""


def cpu_settings(threads: int | None) -> dict[str, str | int]:
    """Return the settings for a number of threads; None leaves it to OpenVINO."""
    settings = {
        **FLOAT32,
        "PERFORMANCE_HINT": "LATENCY",
        "CPU_RUNTIME_CACHE_CAPACITY": CACHE_CAPACITY,
    }
    return settings if threads is None else settings | {"INFERENCE_NUM_THREADS": threads}
