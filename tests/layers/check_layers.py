#!/usr/bin/env python3
"""Checks who includes whom against the table of rooms in docs/architecture.md.

    check_layers.py TREE        every problem on one line; exit status 1 if there is one
    check_layers.py --self-test forbidden includes in a temporary tree must be found
"""
import pathlib
import re
import subprocess
import sys
import tempfile

# A room may include itself and these.
ROOMS = {
    "core": [],
    "crystal": ["core"],
    "cif": ["core", "crystal"],
    "io": ["core"],
    "sim": ["core", "crystal"],
    "model": ["core", "crystal", "sim"],
    "fit": ["core", "crystal", "sim", "model"],
    "scan": ["core", "crystal", "io"],
    "acom": ["core", "crystal", "io", "sim", "scan"],
}
ROOMS["studies"] = list(ROOMS)
ROOMS["python"] = list(ROOMS)
ROOMS["tests"] = ROOMS["python"] + ["python"]
ROOMS["bench"] = ROOMS["tests"] + ["tests"]

# Where a library may be included: rooms or single files, and only in their .cpp files. Tests and
# benchmarks may include any of them.
LIBRARIES = {
    "gemmi": (r"gemmi/", ["crystal", "cif"]),
    "FFTW": (r"fftw3\.h$", ["core"]),
    "BLAS or LAPACK": (r"(cblas|lapacke)\.h$", ["core"]),
    "OpenMP": (r"omp\.h$", ["core"]),
    "libtiff": (r"tiffio\.h$", ["scan"]),
    "HDF5": (r"(hdf5|H5\w+)\.h$", ["io"]),
    "Ceres": (r"(ceres|glog)/", ["fit/solve.cpp"]),
    "yaml-cpp": (r"yaml-cpp/", ["studies"]),
    "CLI11": (r"CLI/", ["studies"]),
    "pybind11": (r"pybind11/", ["python", "python/bind/bind.hpp"]),
    "Boost": (r"boost/", []),
    "Google Benchmark": (r"benchmark/", []),
}
EVERYWHERE = r"(unsupported/)?Eigen/|[a-z_0-9]+$"  # Eigen and the C++ standard library
SYSTEM = r"(unistd|fcntl|malloc|signal|sys/\w+)\.h$"  # in .cpp files and tests
MADE = {"pendel_version.hpp"}  # by CMake, in the build folder

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
GENERATED = {".h5", ".hdf5", ".emd", ".png"}


def problem(tree, path, quote, name):
    """What is wrong with one include, or None."""
    room = path.parts[0]
    if quote == '"':
        beside = room in ("tests", "bench", "python") and (tree / path.parent / name).is_file()
        if name in MADE or beside:
            return None
        target = name.split("/")[0]
        if "/" not in name or not (tree / name).is_file():
            return f'"{name}" is no file of the tree; write "room/file.hpp"'
        if target != room and target not in ROOMS[room]:
            return f"{room} may not include {target} ({name})"
        return None
    for library, (pattern, places) in LIBRARIES.items():
        if re.match(pattern, name):
            if room in ("tests", "bench"):
                return None
            if room not in places and path.as_posix() not in places:
                return f"{library} ({name}) belongs in {', '.join(places) or 'tests or bench'} only"
            if path.suffix != ".cpp" and room != "python":
                return f"{library} ({name}) may be included in .cpp files only"
            return None
    if re.match(EVERYWHERE, name) or (
            (path.suffix == ".cpp" or room == "tests") and re.match(SYSTEM, name)):
        return None
    return f"<{name}> is of a library that no room may include"


def check(tree):
    problems, sources = [], 0
    for room in ROOMS:
        for file in sorted((tree / room).rglob("*.[ch]pp")):
            sources += 1
            path = file.relative_to(tree)
            text = file.read_text(encoding="utf-8")
            for match in INCLUDE.finditer(text):
                found = problem(tree, path, *match.groups())
                if found:
                    line = text.count("\n", 0, match.start(1)) + 1
                    problems.append(f"{path}:{line}: {found}")
    if sources == 0:
        problems.append(f"{tree}: no sources found")
    for path in kept_files(tree):
        kept = path.parts[0] == "data" or path.parts[:2] == ("tests", "data")
        if path.suffix in GENERATED and not kept:
            problems.append(f"{path}: a generated file; only data/ and tests/data/ hold such files")
    return problems


def kept_files(tree):
    """Files under version control; without a repository, every file outside build/."""
    git = ["git", "-C", str(tree), "ls-files", "-z"]
    if (tree / ".git").exists():
        result = subprocess.run(git, capture_output=True, text=True)
        if result.returncode == 0:
            return [pathlib.Path(name) for name in result.stdout.split("\0") if name]
    files = (f.relative_to(tree) for f in tree.rglob("*") if f.is_file())
    return [f for f in files if f.parts[0] not in ("build", ".git")]


def self_test():
    good = {
        "core/a.hpp": "#include <Eigen/Core>\n#include <vector>\n",
        "core/a.cpp": '#include "core/a.hpp"\n#include <fftw3.h>\n#include <omp.h>\n',
        "crystal/b.cpp": '#include "core/a.hpp"\n#include <gemmi/symmetry.hpp>\n',
        "fit/solve.cpp": "#include <ceres/ceres.h>\n",
        "studies/main.cpp": '#include "core/a.hpp"\n#include <unistd.h>\n#include <CLI/CLI.hpp>\n',
        "tests/core/test_a.cpp": "#include <boost/test/unit_test.hpp>\n#include <gemmi/cif.hpp>\n",
        "tests/core/test_b.cpp": '#include "check.hpp"\n',
        "tests/core/check.hpp": "",
        "data/scan.h5": "",
    }
    bad = {
        ("core/c.hpp", '#include "crystal/b.hpp"\n'): "core may not include crystal",
        ("sim/c.cpp", '#include "model/d.hpp"\n'): "sim may not include model",
        ("io/c.cpp", '#include "crystal/b.hpp"\n'): "io may not include crystal",
        ("core/c.cpp", "  #  include <hdf5.h>\n"): "belongs in io only",
        ("core/c.hpp", "#include <fftw3.h>\n"): "in .cpp files only",
        ("fit/c.cpp", "#include <ceres/ceres.h>\n"): "belongs in fit/solve.cpp only",
        ("model/c.cpp", "#include <gemmi/cif.hpp>\n"): "belongs in crystal, cif only",
        ("sim/c.cpp", "#include <yaml-cpp/yaml.h>\n"): "belongs in studies only",
        ("sim/c.cpp", "#include <boost/test/unit_test.hpp>\n"): "belongs in tests or bench only",
        ("sim/c.cpp", "#include <mpi.h>\n"): "no room may include",
        ("core/c.cpp", '#include "a.hpp"\n'): "is no file of the tree",
        ("studies/map.png", ""): "a generated file",
    }
    failures = 0
    others = {"crystal/b.hpp": "", "model/d.hpp": ""}
    for (name, text), expected in [(("core/c.hpp", ""), None)] + list(bad.items()):
        with tempfile.TemporaryDirectory() as folder:
            tree = pathlib.Path(folder)
            for path, content in {**good, **others, name: text}.items():
                (tree / path).parent.mkdir(parents=True, exist_ok=True)
                (tree / path).write_text(content)
            found = check(tree)
        right = not found if expected is None else len(found) == 1 and expected in found[0]
        if not right:
            failures += 1
            print(f"{name} with {text!r}: expected {expected!r}, found {found}")
    print(f"{len(bad) + 1} cases, {failures} failures")
    return failures


def main():
    if sys.argv[1:] == ["--self-test"]:
        return 1 if self_test() else 0
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    problems = check(pathlib.Path(sys.argv[1]).resolve())
    print("\n".join(problems) if problems else "every include is allowed")
    return 1 if problems else 0


sys.exit(main())
