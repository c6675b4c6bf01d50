# Needs Python 3.11 to 3.14, a C++ compiler and make; everything else goes into .venv.
#   make           the environment alone
#   make demo      both models exported, checked, run and compared: demo/report.html
#   make test      the fast tests
#   make test-isa  those of them that compute, with AVX2 and with SSE 4 as newest instruction set
#   make lint      style and types
#   make docs      the documentation site: build/site/index.html
#   make native    the native libraries again, after a change of plugins/
#   make wheel     wheels for other machines: dist/
#   make packages  the library for C and C++ as .deb and tarball: dist/
#   make sanitize  the C++ tests, and Python's calls into C++, under ASan and UBSan
#   make fuzz      FUZZ_SECONDS of hostile input for each operator, the plugins' fields, and each
#                  reader of files
#   make clean     remove what the others made, .venv included

PYTHON ?= python3
# Exact versions; `make CONSTRAINTS=/dev/null` takes the newest that pyproject.toml allows.
CONSTRAINTS ?= constraints.txt

FUZZ_SECONDS ?= 30

BIN := .venv/bin
INSTALLED := .venv/.installed
NATIVE := .venv/.native
# Tests whose numbers depend on the instruction set; the plugins choose theirs, which the C++ tests do.
NUMERICS := $(addprefix tests/,golden models ops export/test_golden.py \
	checkpoints/test_synthetic.py checkpoints/test_torchvision.py inference/test_pasting.py \
	$(addprefix training/test_,assignment.py distributed.py golden_step.py losses.py \
	mask_losses.py mask_targets.py))
# More than four processes would want more memory than most machines have. Files start in the order
# of tests/conftest.py, not by their number of tests.
PYTEST := $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile \
	--no-loadscope-reorder
PLUGINS := $(shell find plugins -type f -not -path '*/__pycache__/*')
export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := install
.PHONY: install demo native test test-isa lint docs wheel packages sanitize fuzz clean
.DELETE_ON_ERROR:

install: $(INSTALLED)

$(INSTALLED): setup.py pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint $(CONSTRAINTS) \
		--editable '.[demo,figure1,openvino,tensorrt-rtx,train,evaluators,dev,docs]'
	# What these require would overwrite OpenCV and shadow a module of Python: see pyproject.toml.
	$(BIN)/python -m pip install --quiet --constraint $(CONSTRAINTS) --no-deps \
		lvis cityscapesScripts trackers
	# pip builds in an environment of its own, where OpenVINO, whose operators it leaves out, is not.
	$(BIN)/python setup.py --quiet build_native --inplace
	touch $@

demo: $(INSTALLED)
	$(BIN)/python -m refinemask.benchmarks.demo --output demo
	@echo "Open $(CURDIR)/demo/report.html in a browser."

native: $(NATIVE)

# The installation has built them already; this takes seconds where nothing has changed.
$(NATIVE): $(INSTALLED) $(PLUGINS)
	$(BIN)/python setup.py --quiet build_native --inplace
	touch $@

test: $(NATIVE)
	$(PYTEST)

# PyTorch's kernels, those of oneDNN and MKL below them, and NumPy's.
test-isa: $(NATIVE)
	ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 MKL_ENABLE_INSTRUCTIONS=AVX2 \
		NPY_DISABLE_CPU_FEATURES="X86_V4 AVX512_ICL AVX512_SPR" \
		$(PYTEST) $(NUMERICS)
	ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=SSE41 MKL_ENABLE_INSTRUCTIONS=SSE4_2 \
		NPY_DISABLE_CPU_FEATURES="X86_V3 X86_V4 AVX512_ICL AVX512_SPR" \
		$(PYTEST) $(NUMERICS)

lint: $(INSTALLED)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/clang-format --dry-run -Werror $(filter %.h %.hpp %.cpp %.cu,$(PLUGINS)) \
		$(wildcard examples/c*/*.[ch] examples/c*/*.cpp examples/cpp/*/*.cpp)

# The page of the command line is made from the program.
docs: $(INSTALLED)
	mkdir -p build/docs
	$(BIN)/typer refinemask.cli.main utils docs --name refinemask --output build/docs/commands.md
	sed -i -n '/^## /,$$p' build/docs/commands.md
	$(BIN)/zensical build --strict --clean

wheel: $(NATIVE)
	$(BIN)/python plugins/build_wheels.py --output dist

packages: $(NATIVE)
	cd build/setup && cpack -G "DEB;TGZ" -B $(CURDIR)/dist
	rm -r dist/_CPack_Packages

# In a process that is not built with the sanitizers, they must be loaded first of all.
sanitize: $(INSTALLED)
	cmake -S plugins --preset asan --log-level=WARNING
	cmake --build build/asan --target cpp_tests refinemask refinemask_ort refinemask_torch
	ctest --test-dir build/asan --output-on-failure
	cmake -S plugins --preset tsan --log-level=WARNING
	cmake --build build/tsan
	CFLAGS=-fsanitize=thread CXXFLAGS=-fsanitize=thread REFINEMASK_BUILD=build/tsan \
		TSAN_OPTIONS=ignore_noninstrumented_modules=1 \
		$(PYTEST) tests/engines/test_c_programs.py -k "segment or camera"
	LD_PRELOAD="$$($(CXX) -print-file-name=libasan.so) $$($(CXX) -print-file-name=libstdc++.so)" \
		ASAN_OPTIONS=detect_leaks=0 REFINEMASK_LIBRARY_DIR=build/asan/lib \
		$(PYTEST) tests/plugins tests/inference/test_native.py \
		tests/inference/test_native_preparing.py \
		--deselect tests/inference/test_native.py::test_memory_of_run_lengths

fuzz: $(INSTALLED)
	cmake -S plugins --preset fuzz --log-level=WARNING
	cmake --build build/fuzz --target fuzz_targets
	ctest --test-dir build/fuzz --output-on-failure
	find build/fuzz/targets -type f -executable | sort | xargs -P 2 -I{} \
		env {} -max_total_time=$(FUZZ_SECONDS) -seed=1
	$(BIN)/python -m tests.fuzz --list | xargs -P 2 -I{} \
		$(BIN)/python -m tests.fuzz {} --seconds $(FUZZ_SECONDS) --seed 1

clean:
	rm -rf .venv .cache build dist demo *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
