"""The measurements of the operators as a Markdown table."""

from typing import Any

PACKAGES = ("refinemask", "onnxruntime", "torch", "torchvision")


def format_table(result: dict[str, Any]) -> str:
    """Return the result of the benchmark as the lines of a Markdown document."""
    return "\n".join(
        [
            _describe_run(result),
            "",
            "| Operator | ms (CPU) | baselines, ms (CPU): times slower | target | MB to move "
            "| floor, ms | times the floor |",
            "|---|---|---|---|---|---|---|",
            *map(_row, result["cases"]),
        ]
    )


def _describe_run(result: dict[str, Any]) -> str:
    machine, versions = result["setup"]["machine"], result["setup"]["versions"]
    listed = ", ".join(f"{name} {versions[name]}" for name in PACKAGES if name in versions)
    return (
        f"`{result['setup']['command']}`: {machine['processor']}, {machine['cores']} cores, "
        f"{result['threads']} threads each, load average before: {result['load_average']:.2f}; "
        f"{listed}; medians of {result['iterations']}, interleaved; "
        f"a copy moves {result['copy_bytes_per_second'] / 1e9:.1f} GB/s"
    )


def _row(case: dict[str, Any]) -> str:
    ours = case["ours"]
    baselines = "; ".join(
        f"{name} {one['median_ms']:.1f} ({one['cpu_ms']:.1f}): {one['ratio']:.1f}"
        + (" (missed)" if one["met"] is False else "")
        for name, one in case["baselines"].items()
    )
    return (
        f"| {case['name']} | {ours['median_ms']:.2f} ({ours['cpu_ms']:.2f}) | {baselines} "
        f"| {case['target']:g} | {case['bytes'] / 1e6:.1f} | {case['floor_ms']:.2f} "
        f"| {case['times_floor']:.1f} |"
    )
