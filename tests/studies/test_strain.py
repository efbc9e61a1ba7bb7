"""Study `strain` on made Bragg peaks: two layers whose strain and rotation are known, in a file as
py4DSTEM writes it, with a rotated and mirrored detector."""
import pathlib
import sys
import tempfile
import unittest

import h5py
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from command import SOURCE, record, run

ROWS, COLUMNS = 6, 8
PIXEL = 0.011  # 1/Å
ROTATION, FLIP = 31.0, True  # detector to scan, as docs/conventions.md has them
BASIS = np.array([[0.25, 0.05], [-0.03, 0.30]])  # columns g1, g2; x along the scan's columns
LEFT = np.array([[0.0, 0.0], [0.0, 0.0]])
RIGHT = np.array([[0.03, 0.01], [0.01, -0.02]])
ANGLE = 1.5  # degrees, of the right layer


def turned(degrees):
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return np.array([[c, -s], [s, c]])


def write(path, noise=0.0, seed=0, unstrained=BASIS):
    random = np.random.default_rng(seed)
    fields = [("qx", "f8"), ("qy", "f8"), ("intensity", "f8")]
    if noise:
        fields += [("qx_error", "f8"), ("qy_error", "f8")]
    text = h5py.string_dtype()
    with h5py.File(path, "w") as file:
        file.attrs.update(emd_group_type="file", version_major=1, version_minor=0)
        root = file.create_group("root")
        root.attrs.update(emd_group_type="root", python_class="Root")
        lists = root.create_group("braggvectors/_v_uncal")
        lists.parent.attrs.update(emd_group_type="custom", python_class="BraggVectors")
        data = lists.create_dataset("data", (ROWS, COLUMNS), h5py.vlen_dtype(np.dtype(fields)))
        calibration = root.create_group("metadatabundle/calibration")
        # its rotation has 90° more where the detector is mirrored, see scan/bragg_file.cpp
        for name, value in {"qx0_mean": 80.0, "qy0_mean": 90.0, "Q_pixel_size": PIXEL,
                            "QR_rotation": np.deg2rad(ROTATION + 90), "QR_flip": True}.items():
            calibration[name] = value
        calibration.create_dataset("Q_pixel_units", data="A^-1", dtype=text)
        to_detector = np.diag([1, -1]) @ turned(ROTATION) / PIXEL
        for row in range(ROWS):
            for column in range(COLUMNS):
                if (row, column) == (0, 0):
                    continue  # a position without peaks
                F = np.eye(2) + LEFT if column < 4 else turned(ANGLE) @ (np.eye(2) + RIGHT)
                basis = np.linalg.inv(F).T @ unstrained
                hk = np.stack(np.meshgrid(np.arange(-4, 5), np.arange(-4, 5)), -1).reshape(-1, 2)
                q = hk @ basis.T
                q = q[np.hypot(*q.T) < 0.9]
                pixels = q @ to_detector.T + [90, 80] + noise * random.standard_normal(q.shape)
                points = np.zeros(len(q), fields)
                points["qy"], points["qx"] = pixels.T
                points["intensity"] = 100
                if noise:
                    points["qx_error"] = points["qy_error"] = noise
                data[row, column] = points


STUDY = """\
study: strain
peaks: {file: peaks.h5}
strain:
  reference: {region: {name: substrate, columns: [0, 3]}}
  regions: [{name: film, columns: [4, 7]}]
"""


class Strain(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.temporary.name)
        self.addCleanup(self.temporary.cleanup)

    def run_study(self, *settings, text=STUDY, status=0):
        (self.folder / "study.yaml").write_text(text)
        done = run("run", "study.yaml", *(a for s in settings for a in ("--set", s)),
                   cwd=self.folder)
        self.assertEqual(done.returncode, status, done.stderr)
        return (done, h5py.File(self.folder / "study.h5")["pendel"]) if status == 0 else done

    def test_exact(self):
        write(self.folder / "peaks.h5")
        done, found = self.run_study()
        strain = {name: found[f"strain/{name}/data"][()]
                  for name in ("e_xx", "e_yy", "e_xy", "rotation")}
        for name, value in {"e_xx": 0.03, "e_yy": -0.02, "e_xy": 0.01, "rotation": ANGLE}.items():
            record("Calibration and strain", "study strain, exact peaks, turned and mirrored detector: of 1 + |value|",
                   "closed form", np.abs(strain[name][:, 4:] - value).max() / (1 + abs(value)), high=1e-12)
            self.assertTrue(np.isnan(strain[name][0, 0]))
            self.assertLess(np.nanmax(np.abs(strain[name][:, :4])), 1e-12)
        self.assertIn("film: e_xx 0.03000", done.stdout)
        self.assertIn("47 of 48 positions", done.stdout)
        film = found["metadatabundle/region_film"]
        self.assertAlmostEqual(film["e_xx"][()], 0.03, places=12)
        self.assertEqual(film["positions"][()], 24)

    def test_axes_along_the_strain(self):
        write(self.folder / "peaks.h5")
        principal = np.rad2deg(np.arctan2(2 * 0.01, 0.05)) / 2
        _, found = self.run_study(f"strain.axes_deg={float(principal)!r}")
        exact = np.linalg.eigvalsh(RIGHT)
        np.testing.assert_allclose(found["strain/e_xy/data"][:, 4:], 0, atol=1e-12)
        np.testing.assert_allclose(found["strain/e_xx/data"][:, 4:], exact[1], rtol=1e-9)

    def test_errors(self):
        write(self.folder / "peaks.h5", noise=0.3, seed=4)
        _, found = self.run_study()
        for name, value in {"e_xx": 0.03, "e_yy": -0.02, "e_xy": 0.01, "rotation": ANGLE}.items():
            values = found[f"strain/{name}/data"][:, 4:]
            error = found[f"strain/{name}_error/data"][:, 4:]
            normalised = (values - value) / error
            self.assertLess(np.abs(normalised).max(), 5)
            self.assertTrue(0.6 < normalised.std() < 1.4, normalised.std())

    def test_crystal_as_reference(self):
        write(self.folder / "peaks.h5", unstrained=turned(40) / 3.905)
        cif = SOURCE / "data/cif/SrTiO3.cif"
        _, found = self.run_study("strain.reference={crystal: {cif: %s, zone_axis: [0, 0, 1]}}" % cif,
                                  "peaks.columns=[4, 7]", "strain.regions=[]")
        # the reference is turned as the film is: its axes see the strain turned
        seen = turned(ANGLE) @ RIGHT @ turned(ANGLE).T
        for name, value in {"e_xx": seen[0, 0], "e_yy": seen[1, 1], "e_xy": seen[0, 1]}.items():
            np.testing.assert_allclose(found[f"strain/{name}/data"][()], value, atol=1e-9)
        # a zone whose lattice is another one is refused
        write(self.folder / "peaks.h5")
        done = self.run_study("strain.reference={crystal: {cif: %s, zone_axis: [1, 1, 3]}}"
                              % (SOURCE / "data/cif/SrTiO3.cif"), status=3)
        self.assertIn("is the zone right", done.stderr)

    def test_bad_input(self):
        write(self.folder / "peaks.h5")
        for setting, status, words in [
                ("strain.reference={region: {name: r, columns: [4, 9]}}", 2, "of the 8"),
                ("lattice.basis={g1: [0.2, 0], g2: [0.4, 0]}", 2, "parallel"),
                ("lattice.basis={g1: [3, 0], g2: [0, 3]}", 4, "lie on the lattice"),
                ("peaks.file=nothing.h5", 3, "nothing.h5")]:
            done = self.run_study(setting, status=status)
            self.assertIn(words, done.stderr)


if __name__ == "__main__":
    unittest.main()
