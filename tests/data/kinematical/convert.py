"""Makes patterns.txt of this folder from the reference calculations (see README.md).

usage: convert.py REFERENCE_FOLDER    with py4dstem/ in it
"""
import json
import sys
from pathlib import Path

source = Path(sys.argv[1]) / "py4dstem/kinematical"
names = {"Au_fcc_300kV": "Au", "PbTiO3_P4mm_200kV": "PbTiO3", "Si_diamond_200kV": "Si"}


def numbers(values):
    return " ".join(f"{v:.17g}" for v in values)


out = []
patterns = 0
for file, crystal in names.items():
    data = json.loads((source / (file + ".json")).read_text())
    for pattern in data["patterns"]:
        patterns += 1
        out += [
            f"{crystal} {pattern['label']} {data['wavelength_A']:.17g} {data['k_max']}",
            numbers(v for row in pattern["orientation_matrix_columns_xyz"] for v in row),
            numbers(pattern.get("foil_normal_lattice") or [0, 0, 0]),
            f"{pattern['sigma_excitation_error']} {pattern['precession_deg'] or 0}",
            f"spots {pattern['n']}",
        ]
        for row in zip(*(pattern[key] for key in ("h", "k", "l", "qx", "qy", "intensity"))):
            out.append("%d %d %d %.7g %.7g %.9g" % row)
(Path(__file__).parent / "patterns.txt").write_text("\n".join([f"patterns {patterns}"] + out) + "\n")
