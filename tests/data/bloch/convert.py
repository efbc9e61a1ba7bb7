"""Makes the text files of this folder from the reference calculations (see README.md).

usage: convert.py REFERENCE_FOLDER    with py4dstem/ and multislice/ in it
"""
import gzip
import json
import sys
from pathlib import Path

import numpy as np

Z = {"O": 8, "Si": 14, "Ti": 22, "Ga": 31, "As": 33, "Sr": 38, "Au": 79, "Pb": 82}
source = Path(sys.argv[1])
here = Path(__file__).parent


def numbers(values, form="%.17g"):
    return " ".join(form % v for v in np.ravel(values))


def load(name):
    with gzip.open(source / "py4dstem/bloch" / name, "rt") as file:
        return json.load(file)


def bloch_case(name, tilts=(0, 3, 5), thicknesses=(100, 400, 1000)):
    """One case of py4DSTEM at the zone axis, and of the independent solver at some tilts."""
    peer, independent = load(name + ".json.gz"), load(name + ".independent.json.gz")
    crystal = json.loads((source / "py4dstem/crystals.json").read_text())[peer["crystal"]]
    cell = (crystal["cell"] * 3)[:3] if len(crystal["cell"]) == 1 else crystal["cell"]
    at = [peer["thickness_A"].index(t) for t in thicknesses]
    sites = len(crystal["numbers"])
    out = [
        "wavelength_A " + numbers(peer["wavelength_A"]),
        "cell " + numbers(list(cell[:3])),
        f"sites {sites}",
    ]
    for number, position in zip(crystal["numbers"], crystal["positions"]):
        out.append(f"{number} {numbers(position)} {numbers(peer['u_A'][str(number)])}")
    out += [
        "lab_columns " + numbers(peer["orientation_matrix_columns_xyz"]),
        "outward_normal " + numbers(peer["foil_normal_cartesian"]),
        "coupling_g_max " + numbers(peer["k_max_U"]),
        f"thickness {len(at)} " + numbers(thicknesses),
        f"beams {len(peer['beams_hkl'])} " + numbers(peer["beams_hkl"], "%d"),
    ]
    runs = [("py4DSTEM", peer, 0)] + [("independent", independent, tilt) for tilt in tilts]
    out.append(f"runs {2 * len(runs)}")
    for program, data, tilt in runs:
        for method in ("WK_fixed", "WKCP_fixed"):
            intensity = np.array(data["intensity"][method][tilt])[at]
            direction = numbers(peer["beam_direction_cartesian"][tilt])
            out.append(f"{program} {method} {direction}")
            out += [numbers(row, "%.7g") for row in intensity]
    (here / (name + ".txt")).write_text("\n".join(out) + "\n")


def zone_cases(beams=40, thickness=400):
    cases = json.loads((source / "multislice/unit_bloch_zolz.json").read_text())["cases"]
    out = [f"cases {len(cases)}"]
    for case in cases:
        i = case["thickness_A"].index(thickness)
        out += [
            f"{case['crystal']} {numbers(case['energy_eV'] / 1e3)} {numbers(case['tilt_mrad'])}",
            f"{numbers(case['g_basis_invA'])} {case['n_basis']} {numbers(case['cell_A'])}",
            f"sites {len(case['atoms'])}",
        ]
        for symbol, *position in case["atoms"]:
            out.append(f"{Z[symbol]} {numbers(position)} {numbers(case['B_A2'][symbol])}")
        out.append(f"beams {beams} " + numbers(case["hk"][:beams], "%d"))
        out.append(f"thickness_A {thickness}")
        out += [numbers(np.array(case[part])[i, :beams], "%.12g") for part in ("re", "im")]
    (here / "zone_amplitudes.txt").write_text("\n".join(out) + "\n")


def convergent_beam(case="Si110_200kV", rows=(3, 10, 19, 27)):
    """Some rows of directions: pixels of tilt x and y, then the intensities [thickness][beam]."""
    data = json.loads((source / f"py4dstem/cbed/{case}.json").read_text())
    beams = data["lacbed_hkl"]
    disks = np.array([[disk[str(tuple(hkl))] for hkl in beams] for disk in data["lacbed"]])
    center = data["lacbed_center"][0]
    out = [
        f"alpha_rad {numbers(data['alpha_mrad'] * 1e-3)}",
        f"radius_pixels {data['alpha_pix']}",
        f"thickness {len(data['thickness_A'])} {numbers(data['thickness_A'])}",
        f"beams {len(beams)} " + numbers(beams, "%d"),
    ]
    pixels = [(x, y) for x in rows for y in range(disks.shape[3]) if disks[0, 0, x, y] > 0]
    out.append(f"directions {len(pixels)}")
    for x, y in pixels:
        out.append(f"{x - center} {y - center} {numbers(disks[:, :, x, y], '%.7g')}")
    (here / f"{case}_cbed.txt").write_text("\n".join(out) + "\n")


for case in ("PTO100_300kV", "STO001_300kV", "Si110_200kV"):
    bloch_case(case)
zone_cases()
convergent_beam()
