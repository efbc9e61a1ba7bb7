"""Runs the command `pendel` (path in PENDEL) on small studies made here; shared by the test scripts."""
import json
import os
import pathlib
import subprocess

import h5py
import numpy as np

PENDEL = os.environ["PENDEL"]
SOURCE = pathlib.Path(__file__).resolve().parents[2]
CIF = SOURCE / "data" / "cif"

PATTERN = f"""\
study: pattern
crystals: {{STO: {{cif: {CIF}/SrTiO3.cif}}}}
specimen:
  beam_direction: [0, 0, 1]
  layers: [{{crystal: STO, cells: 30}}]
beam: {{energy_keV: 300}}
engine: {{g_max_invA: 2.5, slice_A: 4}}
pattern:
  g_max_invA: 0.8
  tilts_mrad: TILTS
"""

FIT = f"""\
study: fit
data: {{file: scan.h5, truth: truth}}
crystals: {{STO: {{cif: {CIF}/SrTiO3.cif}}}}
specimen:
  beam_direction: [0, 0, 1]
  layers: [{{crystal: STO, cells: 30}}]
beam: {{energy_keV: 300}}
engine: {{g_max_invA: 2.5, slice_A: 4}}
fit:
  beam_tilt_mrad: {{range: [-4, 4]}}
  search: {{samples: 400, starts: 4}}
"""


def run(*arguments, cwd, **options):
    """The finished process; output as text."""
    return subprocess.run([PENDEL, *map(str, arguments)], cwd=cwd, capture_output=True, text=True,
                          timeout=300, **options)


def record(topic, what, source, obtained, low=None, high=None):
    """Checks a figure and, where PENDEL_RECORD names a file, writes it there: tests/record.hpp in Python."""
    obtained = float(obtained)
    passed = (low is None or obtained >= low) and (high is None or obtained <= high)
    if "PENDEL_RECORD" in os.environ:
        line = {"topic": topic, "what": what, "source": source, "low": low, "high": high, "least": obtained,
                "greatest": obtained, "count": 1, "passed": passed}
        with open(os.environ["PENDEL_RECORD"], "a") as file:
            file.write(json.dumps(line) + "\n")
    assert passed, f"{what}: {obtained}, allowed {low} to {high}"


def not_at_hand(topic, what, source):
    """A row without a figure: what it would be compared with is not on this machine."""
    if "PENDEL_RECORD" in os.environ:
        line = {"topic": topic, "what": what, "source": source, "low": None, "high": None, "least": None,
                "greatest": None, "count": 0, "passed": True}
        with open(os.environ["PENDEL_RECORD"], "a") as file:
            file.write(json.dumps(line) + "\n")


def write_scan(folder, rows=4, columns=5, dose=1e6, seed=1):
    """scan.h5: counts of every beam up to 0.8 1/Å at random tilts, made by `pendel run`."""
    random = np.random.default_rng(seed)
    tilt = random.uniform(-3, 3, (rows * columns, 2))
    tilts = "[" + ", ".join(f"[{x:.6f}, {y:.6f}]" for x, y in tilt) + "]"
    (folder / "scan.yaml").write_text(PATTERN.replace("TILTS", tilts))
    done = run("run", "scan.yaml", "--output", "pattern.h5", cwd=folder)
    assert done.returncode == 0, done.stderr
    with h5py.File(folder / "pattern.h5") as made, h5py.File(folder / "scan.h5", "w") as scan:
        intensity = made["pendel/intensity/data"][:, 0, :]
        counts = random.poisson(dose * intensity).astype(float)
        scan["intensity"] = counts.reshape(rows, columns, -1)
        scan["hkl"] = made["pendel/hkl/data"][()]
        for axis, name in enumerate("xy"):
            scan[f"truth/beam_tilt_mrad.{name}"] = np.round(tilt[:, axis], 6).reshape(rows, columns)
