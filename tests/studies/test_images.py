"""Study `images` against the same sums in numpy, on scans made here and on the one that ships."""
import pathlib
import sys
import tempfile
import unittest

import h5py
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from command import SOURCE, run

WAVELENGTH = 0.0196874887  # Å, 300 keV
ROWS, COLUMNS, Q = 6, 9, 32

STUDY = """\
study: images
scan: {file: scan.npy, pixel_mrad: 2, step_A: 0.5, energy_keV: 300}
images:
  detectors:
    - {name: bright, radii_px: [0, 3]}
    - {name: dark, radii_mrad: [14, 26]}
    - {name: same, radii_invA: [0.711114, 1.320640]}
    - {name: mask, mask: mask.npy}
"""


def disk(column, row, radius=4.0):
    y, x = np.mgrid[:Q, :Q]
    return np.clip(radius + 0.5 - np.hypot(x - column, y - row), 0, 1)


class Images(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.temporary.name)
        self.addCleanup(self.temporary.cleanup)

    def run_study(self, study, *settings):
        (self.folder / "study.yaml").write_text(study)
        done = run("run", "study.yaml", *(a for s in settings for a in ("--set", s)), cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done, h5py.File(self.folder / "study.h5")["pendel"]

    def test_detectors(self):
        random = np.random.default_rng(2)
        scan = (random.poisson(3, (ROWS, COLUMNS, Q, Q)) + 60 * disk(15.3, 16.2)).astype("u2")
        mask = random.integers(0, 3, (Q, Q)).astype("u1")
        np.save(self.folder / "scan.npy", scan)
        np.save(self.folder / "mask.npy", mask)
        done, found = self.run_study(STUDY, "images.centre_px=[15, 16]")
        image = lambda name: found[f"virtual_images/{name}/data"][()]
        np.testing.assert_allclose(image("mask"), (scan * mask.astype(float)).sum((2, 3)), rtol=1e-6)
        np.testing.assert_array_equal(found["patterns/median/data"][()], np.median(scan, (0, 1)))
        y, x = np.mgrid[:Q, :Q] - np.array([16, 15]).reshape(2, 1, 1)
        r = np.hypot(x, y)
        bright = np.clip(3.5 - r, 0, 1)
        np.testing.assert_allclose(image("bright"), (scan * bright).sum((2, 3)), rtol=1e-6)
        dark = np.clip(13.5 - r, 0, 1) * np.clip(r - 6.5, 0, 1)
        np.testing.assert_allclose(image("dark"), (scan * dark).sum((2, 3)), rtol=1e-6)
        np.testing.assert_allclose(image("same"), image("dark"), rtol=1e-5)
        for name, values in (("mean", scan.mean((0, 1))), ("maximum", scan.max((0, 1))),
                             ("variance", scan.astype(float).var((0, 1)))):
            np.testing.assert_allclose(found[f"patterns/{name}/data"], values, rtol=1e-9, atol=1e-9)
        total = scan.sum((2, 3), dtype=float)
        np.testing.assert_allclose(found["centre_of_mass/x/data"],
                                   2 * (scan * x).sum((2, 3)) / total, atol=1e-9)
        # the beam is found to a fraction of a pixel
        done, found = self.run_study(STUDY)
        beam = found["metadatabundle/beam"]
        self.assertLess(abs(beam["column"][()] - 15.3), 0.1)
        self.assertLess(abs(beam["row"][()] - 16.2), 0.1)
        self.assertIn("found in the mean pattern", done.stdout)

    def test_phase(self):
        """A disk that moves as the slope of a phase says gives that phase back, turned and mirrored
        detectors too."""
        y, x = np.mgrid[:ROWS, :COLUMNS] * 0.5  # Å
        phase = 0.4 * x**2 - 0.5 * x * y + 0.3 * y**2
        slope = np.stack([0.8 * x - 0.5 * y, -0.5 * x + 0.6 * y])  # rad/Å
        mean = slope.mean((1, 2), keepdims=True)  # descan, which is taken off
        expected = phase - mean[0] * x - mean[1] * y
        slope = (slope - mean) / (2 * np.pi) * WAVELENGTH * 1e3 / 2  # pixels
        for angle, flip in ((0, False), (30, False), (-75, True)):
            c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
            on_detector = np.stack([c * slope[0] - s * slope[1], s * slope[0] + c * slope[1]])
            if flip:
                on_detector[1] *= -1
            scan = np.array([[disk(15.5 + on_detector[0, i, j], 15.5 + on_detector[1, i, j], 6)
                              for j in range(COLUMNS)] for i in range(ROWS)])
            np.save(self.folder / "scan.npy", scan.astype("f4"))
            study = STUDY[:STUDY.index("images:\n")] + "images: {centre_of_mass: {}}\n"
            study = study.replace("{}", f"{{rotation_deg: {angle}, flip: {str(flip).lower()}}}")
            _, found = self.run_study(study)
            integrated = found["integrated_centre_of_mass/data"]
            self.assertEqual(integrated.attrs["units"], "rad")
            # the soft edge of the disk is known to some thousandths of a pixel
            np.testing.assert_allclose(integrated, expected - expected.mean(), atol=0.02)

    def test_calibration_and_halo(self):
        """A turned, elliptical halo on a scan with descan; its calibration is written here."""
        y, x = np.mgrid[:ROWS, :COLUMNS]
        column, row, ratio = 15.2 + 0.1 * x, 16.3 - 0.2 * y, 1.1
        v, u = np.mgrid[:Q, :Q]
        scan = np.zeros((ROWS, COLUMNS, Q, Q))
        for i in range(ROWS):
            for j in range(COLUMNS):
                r = np.hypot((u - 15.6) / np.sqrt(ratio), (v - 15.8) * np.sqrt(ratio))
                scan[i, j] = 20 + 60 * np.exp(-0.5 * ((r - 9) / 1.5) ** 2)
                scan[i, j] += 4000 * disk(column[i, j] + 0.5, row[i, j], 1.5)
        scan = np.random.default_rng(6).poisson(scan)
        np.save(self.folder / "scan.npy", scan.astype("u2"))
        with h5py.File(self.folder / "calibration.h5", "w") as file:
            file.attrs.update({"emd_group_type": "file", "version_major": 1, "version_minor": 0})
            root = file.create_group("pendel")
            root.attrs.update({"emd_group_type": "root", "python_class": "Root"})
            group = root.create_group("metadatabundle/calibration")
            root["metadatabundle"].attrs["emd_group_type"] = "metadatabundle"
            group.attrs.update({"emd_group_type": "metadata", "python_class": "Calibration"})
            for name, value in (("qx0", row), ("qy0", column), ("a", np.sqrt(ratio)), ("b", 1 / np.sqrt(ratio)),
                                ("theta", np.pi / 2), ("Q_pixel_size", 0.05 * np.sqrt(ratio)),
                                ("QR_rotation", np.pi / 2)):
                group[name] = value
                group[name].attrs["type"] = "array" if np.ndim(value) else "number"
            for name, value in (("Q_pixel_units", "A^-1"),):
                group[name] = value
                group[name].attrs["type"] = "string"
        study = """\
study: images
scan: {file: scan.npy}
images:
  calibration: calibration.h5
  centre_of_mass: {radius_px: 5}
  radial: {halo: [0.25, 0.68], counts_per_electron: 1}
"""
        done, found = self.run_study(study)
        self.assertIn("(of the calibration)", done.stdout)
        halo = found["metadatabundle/halo"]
        # the beam's origin is 0.1 and 0.0 pixels from the halo's on the mean
        self.assertLess(abs(halo["position"][()] - 0.45), 0.003)
        self.assertLess(abs(halo["width"][()] - 0.075), 0.004)
        self.assertEqual(found["radial/mean/dim0"].attrs["units"], "1/Å")
        # every pattern expects the same: nothing fluctuates but counts
        V, error = (found[f"radial/fluctuation{n}/data"][5:] for n in ("", "_error"))
        self.assertLess(np.abs(V / error).max(), 5)
        self.assertLess(error.max(), 0.01)
        # half a pixel along columns, which a turn by 90° makes -y
        self.assertLess(abs(found["centre_of_mass/y/data"][()].mean() + 0.5 * 0.05), 0.005)
        self.assertLess(abs(found["centre_of_mass/x/data"][()].mean()), 0.005)
        # descan is gone: it was 0.2 pixels a row
        self.assertLess(found["centre_of_mass/x/data"][()].std(), 0.005)
        plotted = run("plot", "study.h5", "-o", ".", cwd=self.folder)
        self.assertEqual(plotted.returncode, 0, plotted.stderr)
        self.assertTrue((self.folder / "study_radial.png").exists())
        done = run("run", "study.yaml", "--set", "images.centre_px=[1, 1]", cwd=self.folder)
        self.assertEqual(done.returncode, 2)
        self.assertIn("is given twice", done.stderr)
        done = run("run", "study.yaml", "--set", "scan.rows=[0, 2]", cwd=self.folder)
        self.assertEqual(done.returncode, 3)
        self.assertIn("has origins of 54 positions", done.stderr)
        done = run("run", "study.yaml", "--set", "images.radial.halo=[0.1, 0.15]", cwd=self.folder)
        self.assertEqual(done.returncode, 4)
        self.assertIn("no halo between", done.stderr)

    def test_the_scan_that_ships(self):
        study = run("new", "images", cwd=self.folder).stdout
        done, found = self.run_study(study)
        self.assertIn("3 x 2 positions of 144 x 144 pixels (NanoMEGAS block file, uint8)", done.stdout)
        self.assertEqual(found["virtual_images/bright_field/data"].shape, (3, 2))
        _, binned = self.run_study(study, "scan.bin_pattern=2", "scan.rows=[1, 2]")
        self.assertEqual(binned["patterns/mean/data"].shape, (72, 72))
        axis = binned["patterns/mean/dim0"][()]
        self.assertAlmostEqual(axis[1] - axis[0], 2 * 0.803084, 4)

    def test_what_is_wrong_is_named(self):
        np.save(self.folder / "scan.npy", np.ones((ROWS, COLUMNS, Q, Q), "u1"))
        np.save(self.folder / "mask.npy", np.ones((4, 4)))
        (self.folder / "study.yaml").write_text(STUDY)
        for setting, status, words in (
                ("scan.file=none.blo", 3, "there is no such file"),
                ("scan.rows=[0, 60]", 3, "axis row has 6 elements"),
                ("images.detectors.1.name=bright", 2, "is the name of another one"),
                ("images.detectors.0.radii_px=[99, 100]", 2, "covers no pixel"),
                ("scan.pixel_invA=0.1", 2, "is given twice"),
                ("scan.dark=mask.npy", 3, "has 16 pixels, a pattern 1024"),
                ("images.detectors.0.radii_px=[0, 2]", 3, "is not one image of 32 x 32")):
            done = run("run", "study.yaml", "--set", setting, cwd=self.folder)
            self.assertEqual(done.returncode, status, done.stderr)
            self.assertIn(words, done.stderr)
            self.assertFalse((self.folder / "study.h5").exists())


if __name__ == "__main__":
    unittest.main(verbosity=2)
