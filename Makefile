# The short commands of a fresh machine; each installs what is missing from packages.txt first.
# Everything is built by CMake: see CMakePresets.json.
SHELL := /bin/bash
.DEFAULT_GOAL := build
.PHONY: build configure demo test python docs notebooks sanitize bench validate format clean packages help
MAKEFLAGS += --no-print-directory

JOBS ?= $(shell nproc)
# Some test programs use two threads, most wait or use one.
TEST_JOBS ?= $(shell [ $$(nproc) -ge 2 ] && echo 2 || echo 1)
# The system's Python has apt's h5py and matplotlib; another one may come first in PATH.
export PENDEL_PYTHON ?= /usr/bin/python3
DEMO := build/demo
DEMO_STUDY := studies/examples/sto_pto_vortex/study.yaml

configure: packages
	@cmake --preset release -DPENDEL_PYTHON=$(PENDEL_PYTHON)

build: configure ## configure and build into build/release
	@cmake --build build/release --parallel $(JOBS)

demo: configure ## fit tilt and polarization of a simulated SrTiO3/PbTiO3 vortex and draw the maps
	@cmake --build build/release --parallel $(JOBS) --target pendel
	@mkdir -p $(DEMO)
	@echo "== the scan without noise"
	build/release/pendel run $(DEMO_STUDY) --set data.intensity=expected --output $(DEMO)/noise_free.h5
	@echo "== the scan with the counting noise of 1e5 electrons per position"
	build/release/pendel run $(DEMO_STUDY) --output $(DEMO)/vortex.h5
	build/release/pendel plot $(DEMO)/vortex.h5 -o $(DEMO)
	@echo
	@echo "The results and the figures are in $(DEMO):"
	@ls -1 $(DEMO)/*.h5 $(DEMO)/*.png | sed 's/^/  /'

test: build ## build and run every test, slow ones included
	@ctest --test-dir build/release --output-on-failure --no-tests=error --parallel $(TEST_JOBS)

python: ## build the Python package into build/release/python and test it
	@scripts/install_packages.sh python
	@cmake --preset release -DPENDEL_PYTHON=$(PENDEL_PYTHON) -DPENDEL_PYTHON_PACKAGE=ON
	@cmake --build build/release --parallel $(JOBS) --target python_package
	@ctest --test-dir build/release --output-on-failure --no-tests=error -R "python.package|notebooks"
	@echo "The package is in build/release/python: export PYTHONPATH=$(CURDIR)/build/release/python"

docs: ## build the manual into build/docs/site; warnings are errors
	@scripts/install_packages.sh python
	@scripts/install_packages.sh docs
	@cmake --preset release -DPENDEL_PYTHON=$(PENDEL_PYTHON) -DPENDEL_PYTHON_PACKAGE=ON
	@cmake --build build/release --parallel $(JOBS) --target python_package
	@rm -rf build/docs && mkdir -p build/docs/site
	@(cat docs/Doxyfile; echo OUTPUT_DIRECTORY = build/docs/site) | doxygen -
	@# Doxygen links to lists of private classes, which it leaves out.
	@sed -i 's|<a href="#nested-classes">Classes</a> &#124;||' build/docs/site/cpp/*.html
	@PYTHONPATH=build/release/python $(PENDEL_PYTHON) -m sphinx -q -W --keep-going -b html -c docs \
	  -d build/docs/doctrees . build/docs/site
	@echo '<meta http-equiv="refresh" content="0; url=docs/contents.html">' > build/docs/site/index.html
	@scripts/check_links.py build/docs/site
	@echo "The manual begins at build/docs/site/index.html"

notebooks: ## write the notebooks of docs/notebooks as .ipynb beside their sources
	@$(PENDEL_PYTHON) scripts/notebook.py convert docs/notebooks/*.py

sanitize: packages ## run the fast tests under the address and undefined-behaviour sanitizers
	@cmake --preset sanitize -DPENDEL_PYTHON=$(PENDEL_PYTHON)
	@cmake --build build/sanitize --parallel $(JOBS)
	@ctest --test-dir build/sanitize --output-on-failure --no-tests=error -LE slow --parallel $(TEST_JOBS)

bench: build ## build and run the benchmarks; prints one table
	@bench/run

validate: build ## check every figure against its reference and write docs/validation.md
	@bench/run --build
	@PYTHONDONTWRITEBYTECODE=1 $(PENDEL_PYTHON) tests/validation/run build/release

format: ## clang-format on every source
	@command -v clang-format >/dev/null || { echo "clang-format is missing: apt-get install clang-format" >&2; exit 1; }
	@git ls-files '*.cpp' '*.hpp' | xargs clang-format -i

clean: ## remove build/
	@rm -rf build

packages: ## install what is missing from packages.txt
	@scripts/install_packages.sh

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 12
