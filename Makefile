# The short commands of a fresh machine; each installs what is missing from packages.txt first.
# Everything is built by CMake: see CMakePresets.json.
SHELL := /bin/bash
.DEFAULT_GOAL := build
.PHONY: build demo test sanitize bench format clean packages help
MAKEFLAGS += --no-print-directory

JOBS ?= $(shell nproc)
# Test programs use two threads each.
TEST_JOBS ?= $(shell [ $$(nproc) -ge 4 ] && echo 2 || echo 1)
# The system's Python has apt's h5py and matplotlib; another one may come first in PATH.
export PENDEL_PYTHON ?= /usr/bin/python3
DEMO := build/demo

build: packages ## configure and build into build/release
	@cmake --preset release -DPENDEL_PYTHON=$(PENDEL_PYTHON)
	@cmake --build build/release --parallel $(JOBS)

demo: build ## fit tilt and polarization of a simulated SrTiO3/PbTiO3 vortex and draw the maps
	@mkdir -p $(DEMO)
	build/release/pendel run studies/examples/sto_pto_vortex/study.yaml --output $(DEMO)/vortex.h5
	build/release/pendel plot $(DEMO)/vortex.h5 -o $(DEMO)
	@echo
	@echo "The result and its figures are in $(DEMO):"
	@ls -1 $(DEMO)/vortex.h5 $(DEMO)/*.png | sed 's/^/  /'

test: build ## build and run every test, slow ones included
	@ctest --test-dir build/release --output-on-failure --no-tests=error --parallel $(TEST_JOBS)

sanitize: packages ## run the fast tests under the address and undefined-behaviour sanitizers
	@cmake --preset sanitize -DPENDEL_PYTHON=$(PENDEL_PYTHON)
	@cmake --build build/sanitize --parallel $(JOBS)
	@ctest --test-dir build/sanitize --output-on-failure --no-tests=error -LE slow --parallel $(TEST_JOBS)

bench: build ## build and run the benchmarks; prints one table
	@bench/run

format: ## clang-format on every source
	@command -v clang-format >/dev/null || { echo "clang-format is missing: apt-get install clang-format" >&2; exit 1; }
	@git ls-files '*.cpp' '*.hpp' | xargs clang-format -i

clean: ## remove build/
	@rm -rf build

packages: ## install what is missing from packages.txt
	@scripts/install_packages.sh

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 12
