#!/usr/bin/env bash
# Everything that is tested and measured on an NVIDIA GPU, in at most 8 minutes:
#
#     tests/gpu/run.sh [PYTHON]
#
# Needs nvcc and a Python whose PyTorch sees the GPU; TensorRT and ONNX Runtime's CUDA provider are
# tested where they are. Builds into build/gpu, and writes plugins/GPU_RESULTS.md.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
python=${1:-python3}
results=plugins/GPU_RESULTS.md
build=build/gpu

capability=$("$python" -c 'import torch; print("%d%d" % torch.cuda.get_device_capability())' 2>/dev/null) || {
  echo "tests/gpu/run.sh: PyTorch of $python sees no NVIDIA GPU; nvidia-smi shows whether the driver does" >&2
  exit 1
}

# What has no headers here is left out, and its tests skip.
cmake -S plugins -B "$build" --log-level=WARNING -DREFINEMASK_CUDA_ARCHITECTURES="$capability" \
  -DREFINEMASK_OUTPUT_DIR="$PWD/$build/lib" -DREFINEMASK_TORCH=ON -DPython3_EXECUTABLE="$(command -v "$python")"
xargs cmake --build "$build" --parallel --target <"$build/libraries.txt"
export REFINEMASK_LIBRARY_DIR=$PWD/$build/lib

temporary=$(mktemp "$results.XXXXXX")
trap 'rm -f "$temporary"' EXIT
{
  printf '# Results on a GPU\n\n'
  printf 'Written by `tests/gpu/run.sh` on %s, at commit %s.\n\n' \
    "$(date --utc +%Y-%m-%d)" "$(git rev-parse --short HEAD 2>/dev/null || echo unknown)"
  nvidia-smi --query-gpu=name,driver_version --format=csv,noheader | sed 's/^/- GPU and driver: /'
  nvcc --version | sed -n 's/^Cuda compilation tools, /- CUDA compiler: /p'
  printf '\n## Tests\n\n```text\n'
} >"$temporary"

failed=0
run() {
  echo "+ pytest $*"
  timeout 300 "$python" -m pytest -q "$@" 2>&1 | tee "$build/pytest.log" || failed=1
  { echo "pytest $*"; tail -1 "$build/pytest.log"; } >>"$temporary"
}
run tests/gpu -m "not slow"
run tests/plugins -k cuda
run tests/gpu/test_sanitizer.py -m slow
printf '```\n\n' >>"$temporary"
REFINEMASK_GPU_RESULTS=$PWD/$temporary run tests/gpu/test_latency.py tests/gpu/test_models.py -m slow -s

mv "$temporary" "$results"
trap - EXIT
cat "$results"
exit "$failed"
