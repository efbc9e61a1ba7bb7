"""Runs the command `pendel` (path in PENDEL) on small studies made here; shared by the test scripts."""
import json
import os
import pathlib
import subprocess

import h5py
import numpy as np
from scipy.spatial.transform import Rotation

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


PIXEL = 0.01  # 1/Å, of written peaks
ROTATION = 31.0  # detector to scan, mirrored: as docs/conventions.md has them


def turned(degrees):
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return np.array([[c, -s], [s, c]])


def write_peaks(path, patterns):
    """Bragg peaks in a file as py4DSTEM writes it, of a rotated and mirrored detector: patterns[row][column]
    is (q, intensity), q along x and y of the scan in 1/Å, the undiffracted beam among them, or None."""
    fields = [("qx", "f8"), ("qy", "f8"), ("intensity", "f8")]
    with h5py.File(path, "w") as file:
        file.attrs.update(emd_group_type="file", version_major=1, version_minor=0)
        root = file.create_group("root")
        root.attrs.update(emd_group_type="root", python_class="Root")
        lists = root.create_group("braggvectors/_v_uncal")
        lists.parent.attrs.update(emd_group_type="custom", python_class="BraggVectors")
        data = lists.create_dataset("data", (len(patterns), len(patterns[0])),
                                    h5py.vlen_dtype(np.dtype(fields)))
        calibration = root.create_group("metadatabundle/calibration")
        for name, value in {"qx0_mean": 160.0, "qy0_mean": 170.0, "Q_pixel_size": PIXEL,
                            "QR_rotation": np.deg2rad(ROTATION + 90), "QR_flip": True}.items():
            calibration[name] = value
        calibration.create_dataset("Q_pixel_units", data="A^-1", dtype=h5py.string_dtype())
        to_detector = np.diag([1, -1]) @ turned(ROTATION) / PIXEL
        for row, line in enumerate(patterns):
            for column, pattern in enumerate(line):
                if pattern is None:
                    continue
                q, intensity = pattern
                points = np.zeros(len(q), fields)
                points["qy"], points["qx"] = (q @ to_detector.T + [170, 160]).T
                points["intensity"] = intensity
                data[row, column] = points


def multislice_patterns(folder, cif, beam, x, tilts, thickness, energy, g_max):
    """Of a crystal with [uvw] `beam` along the beam, tilted by mrad: hkl (beam, 3), g (beam, lab xyz) of the
    untilted crystal and intensity (tilt, beam)."""
    (folder / "made.yaml").write_text(f"""\
study: pattern
crystals: {{it: {{cif: {CIF}/{cif}.cif}}}}
specimen: {{beam_direction: {list(beam)}, x_axis: {list(x)}, layers: [{{crystal: it, thickness_A: {thickness}}}]}}
beam: {{energy_keV: {energy}}}
engine: {{kind: splitstep, absorption: weickenmeier-kohl, g_max_invA: 3}}
pattern: {{g_max_invA: {g_max}, tilts_mrad: {[list(t) for t in tilts]}, certificate_tilts: 0}}
""")
    done = run("run", "made.yaml", cwd=folder)
    assert done.returncode == 0, done.stderr
    with h5py.File(folder / "made.h5") as made:
        hkl, g, intensity = (made[f"pendel/{name}/data"][()] for name in ("hkl", "g", "intensity"))
    return hkl, g, intensity.reshape(len(tilts), len(hkl))


def towards_z(tilt_mrad):
    """The least rotation of a crystal that turns the incident beam of this tilt along z."""
    sine = np.sin(np.array(tilt_mrad) * 1e-3)
    beam = np.append(sine, np.sqrt(1 - sine @ sine))
    cross = np.cross(beam, [0, 0, 1])
    length = np.linalg.norm(cross)
    return Rotation.from_rotvec(cross / max(length, 1e-30) * np.arcsin(length)).as_matrix()
