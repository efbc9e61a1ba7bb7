"""Study `calibrate` on made scans whose truth is known, and on the gold rings that ship."""
import pathlib
import sys
import tempfile
import unittest

import h5py
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from command import CIF, SOURCE, record, run

ROWS, COLUMNS, Q = 7, 8, 72


def round_radius(column, row, ratio, angle):
    """Of every pixel after the ellipse is taken out, written anew."""
    y, x = np.mgrid[:Q, :Q]
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    along, across = c * (x - column) + s * (y - row), -s * (x - column) + c * (y - row)
    return np.hypot(along / np.sqrt(ratio), across * np.sqrt(ratio))


def disk(column, row, radius):
    y, x = np.mgrid[:Q, :Q]
    return np.clip(radius + 0.5 - np.hypot(x - column, y - row), 0, 1)


class Calibrate(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.temporary.name)
        self.addCleanup(self.temporary.cleanup)
        self.random = np.random.default_rng(4)

    def study(self, text, status=0, output="study.h5"):
        (self.folder / "study.yaml").write_text(text)
        done = run("run", "study.yaml", "-o", output, cwd=self.folder)
        self.assertEqual(done.returncode, status, done.stderr)
        return done, h5py.File(self.folder / output)["pendel"] if status == 0 else None

    def test_gold_rings(self):
        text = run("new", "calibrate", cwd=self.folder).stdout
        done, found = self.study(text)
        own = found["metadatabundle/calibration_errors"]
        ellipse, peer = found["metadatabundle/ellipse"], found["metadatabundle/calibration"]
        # independent: pyxem 1.0353 (one ring by eye), an own fit of the first ring 1.0364
        record("Calibration and strain", "rings of gold: ratio of the ellipse's axes",
               "own fit of one ring 1.0364, pyxem 1.0353", ellipse["ratio"][()], 1.034, 1.038)
        self.assertLess(own["ellipse_ratio_error"][()], 0.001)
        pixel = peer["Q_pixel_size"][()] / np.sqrt(ellipse["ratio"][()])
        # 0.01002 from the first ring's radius; 0.010237 / √1.0353 = 0.01006 from pyxem's short axis
        record("Calibration and strain", "rings of gold: pixel over that of the first ring, 0.01002 1/Å",
               "data/scans/au_xgrating_20cm.tif", pixel / 0.01002, 0.995, 1.005)
        self.assertLess(own["pixel_error_invA"][()] / pixel, 0.002)
        self.assertIn("centre of the rings", own["origin_from"].asstr()[()])
        plotted = run("plot", "study.h5", "-o", ".", cwd=self.folder)
        self.assertEqual(plotted.returncode, 0, plotted.stderr)
        self.assertEqual(sorted(p.name for p in self.folder.glob("*.png")),
                         ["study_profile.png", "study_rings.png"])

    def test_rings_and_descan_of_a_scan(self):
        """Every pattern's beam where it is; the rings of the mean give ellipse and pixel."""
        scan = np.zeros((ROWS, COLUMNS, Q, Q))
        for i in range(ROWS):
            for j in range(COLUMNS):
                column, row = 35.3 + 0.08 * j - 0.02 * i, 36.1 + 0.03 * j + 0.06 * i
                r = round_radius(column, row, 1.05, 40)
                rings = sum(h * np.exp(-0.5 * ((r - np.sqrt(n) / 4.0782 / 0.025) / 1.3) ** 2)
                            for n, h in ((3, 6), (4, 3), (8, 2.5), (11, 2.5)))
                scan[i, j] = 300 * disk(column, row, 3) + 10 * np.exp(-r / 8) + rings
        scan[2, 3] = 0
        np.save(self.folder / "scan.npy", self.random.poisson(scan).astype("u2"))
        done, found = self.study(f"""\
study: calibrate
scan: {{file: scan.npy}}
origin: {{radius_px: 6}}
rings: {{cif: {CIF}/Au.cif, radii_px: [10, 35]}}
rotation: {{pair: {{scan_deg: 20, pattern_deg: 50, flip: true}}}}
""")
        self.assertIn("1 of 56 positions left out", done.stdout)
        y, x = np.mgrid[:ROWS, :COLUMNS]
        own, peer = (found[f"metadatabundle/{n}"] for n in ("calibration_errors", "calibration"))
        column = found["origin/column/data"][()]
        self.assertLess(np.abs(column - (35.3 + 0.08 * x - 0.02 * y)).max(), 0.1)
        np.testing.assert_allclose(peer["qy0"], column)
        row = found["origin/row/data"][()]
        self.assertLess(np.abs(row - (36.1 + 0.03 * x + 0.06 * y)).max(), 0.1)
        self.assertTrue(np.isnan(found["origin/measured_row/data"][2, 3]))
        ratio = found["metadatabundle/ellipse/ratio"][()]
        # descan smears rings by 0.2 pixels and turns their ellipse by nothing that counts here
        self.assertLess(abs(ratio - 1.05), 0.003)
        pixel = peer["Q_pixel_size"][()] / np.sqrt(ratio)
        self.assertLess(abs(pixel / 0.025 - 1), 0.003)
        # the direction at 50 is at -50 in the mirrored pattern, at 20 in the scan
        self.assertIn("rotation: -70.00, error not known°, flipped", done.stdout)
        self.assertTrue(peer["QR_flip"][()])
        plotted = run("plot", "study.h5", "-o", ".", cwd=self.folder)
        self.assertEqual(plotted.returncode, 0, plotted.stderr)
        self.assertTrue((self.folder / "study_origin.png").exists())

    def test_rotation_from_deflection(self):
        """A probe bent towards atoms, seen by a turned mirror image; the dark field tells 180°."""
        rows, columns, angle = 14, 16, np.radians(130)
        y, x = np.mgrid[:rows, :columns]
        scan, V = np.zeros((rows, columns, Q, Q)), np.zeros((rows, columns))
        slope = np.zeros((2, rows, columns))
        for u, v, width in ((4, 3, 1.8), (10, 8, 2.3), (5, 10, 1.5)):
            bump = np.exp(-((x - u) ** 2 + (y - v) ** 2) / (2 * width**2))
            V += bump
            slope -= np.stack([x - u, y - v]) * bump / width**2
        dx, dy = 3 * slope
        seen = np.stack([np.cos(angle) * dx - np.sin(angle) * dy, np.sin(angle) * dx + np.cos(angle) * dy])
        for i in range(rows):
            for j in range(columns):
                scan[i, j] = 50 * disk(36 + seen[0, i, j], 35 - seen[1, i, j], 5)
                scan[i, j] += 0.2 * V[i, j] * (round_radius(36, 35, 1, 0) > 25)
        np.save(self.folder / "scan.npy", self.random.poisson(scan).astype("u2"))
        text = """\
study: calibrate
scan: {file: scan.npy}
origin: {radius_px: 10, shape: constant}
rotation: {from_deflection: true, towards_dark_field: true}
"""
        done, found = self.study(text)
        peer, own = (found[f"metadatabundle/{n}"] for n in ("calibration", "calibration_errors"))
        self.assertTrue(peer["QR_flip"][()])
        rotation = peer["QR_rotation_degrees"][()] - 90  # py4DSTEM's, whose flip exchanges axes
        error = own["rotation_error_deg"][()]
        self.assertLess(error, 6)
        self.assertLess(abs((rotation - 130 + 180) % 360 - 180), 4 * error)

    def test_spots_of_a_zone(self):
        """Peaks of gold along [001] with a stretch; lists as py4DSTEM writes them."""
        dtype = np.dtype([("qx", "f8"), ("qy", "f8"), ("intensity", "f8")])
        with h5py.File(self.folder / "peaks.h5", "w") as file:
            file.attrs.update({"emd_group_type": "file", "version_major": 1, "version_minor": 0})
            root = file.create_group("scan")
            root.attrs.update({"emd_group_type": "root", "python_class": "Root"})
            vectors = root.create_group("braggvectors")
            vectors.attrs.update({"emd_group_type": "custom", "python_class": "BraggVectors"})
            lists = vectors.create_group("_v_uncal")
            lists.attrs.update({"emd_group_type": "custom_pointlistarray", "python_class": "PointListArray"})
            data = lists.create_dataset("data", (4, 5), h5py.vlen_dtype(dtype))
            shape = vectors.create_group("metadatabundle/_braggvectors_shape")
            vectors["metadatabundle"].attrs["emd_group_type"] = "metadatabundle"
            shape.attrs.update({"emd_group_type": "metadata", "python_class": "Metadata"})
            for name, value in (("Rshape", (4, 5)), ("Qshape", (128, 128))):
                shape[name] = np.array(value)
                shape[name].attrs["type"] = "tuple"
            turn, stretch = np.radians(17), np.diag([np.sqrt(1.02), 1 / np.sqrt(1.02)])
            R = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
            for i in range(4):
                for j in range(5):
                    points = [(h, k) for h in range(-4, 5, 2) for k in range(-4, 5, 2) if h * h + k * k < 20]
                    at = np.array(points) / 4.0782 / 0.021 @ R.T @ stretch + (63 + 0.1 * j, 66 - 0.2 * i)
                    at += self.random.normal(0, 0.1, at.shape)
                    peak = [1000 if p == (0, 0) else 50 for p in points]
                    data[i, j] = np.array([(row, column, n) for (column, row), n in zip(at, peak)], dtype)
        done, found = self.study(f"""\
study: calibrate
peaks: peaks.h5
origin: {{centre_px: [64, 65], radius_px: 5}}
zone: {{cif: {CIF}/Au.cif, zone_axis: [0, 0, 1], pixel_invA: 0.0205}}
""")
        own, peer = (found[f"metadatabundle/{n}"] for n in ("calibration_errors", "calibration"))
        ratio = peer["a"][()] / peer["b"][()]
        self.assertLess(abs(ratio - 1.02), 4 * own["ellipse_ratio_error"][()])
        self.assertLess(own["ellipse_ratio_error"][()], 0.002)
        pixel = peer["Q_pixel_size"][()] / np.sqrt(ratio)
        # the shipped cell is 4.0782 to a ten-thousandth
        self.assertLess(abs(pixel - 0.021), 4 * own["pixel_error_invA"][()] + 2e-6)
        self.assertRegex(done.stdout, r"zone: \d+ peaks indexed, residual 0\.1\d+ pixels")

    def test_what_is_wrong_is_named(self):
        np.save(self.folder / "empty.npy", np.zeros((2, 3, 32, 32), "u1"))
        y, x = np.mgrid[:64, :64] - 32
        np.save(self.folder / "beam.npy", 1e4 * np.exp(-np.hypot(x, y) / 5)[None, None])
        np.save(self.folder / "mask.npy", np.ones((5, 5), "u1"))
        for text, status, words in (
                ("scan: {file: empty.npy}", 3, "the patterns are empty, no beam is found"),
                ("scan: {file: empty.npy}\norigin: {centre_px: [5, 5]}", 4, "the beam is found at 0 of 6"),
                ("scan: {file: beam.npy}\nrings: {}", 4, "no ring: the radial mean of the pattern falls"),
                ("scan: {file: beam.npy}\nrings: {cif: none.cif}", 3, "none.cif"),
                ("scan: {file: beam.npy}\nmask: mask.npy", 3, "is not one image of 64 x 64"),
                ("scan: {file: beam.npy}\npeaks: beam.npy", 2, "peaks"),
                ("scan: {file: beam.npy}\nzone: {cif: a.cif, zone_axis: [0, 0, 1], pixel_invA: 1}", 2,
                 "needs Bragg peaks"),
                ("scan: {file: beam.npy}\nrotation: {from_deflection: true}", 4, "is too small"),
                ("peaks: beam.npy", 3, "beam.npy")):
            with self.subTest(text):
                done, _ = self.study("study: calibrate\n" + text + "\n", status)
                self.assertIn(words, done.stderr)
                self.assertFalse((self.folder / "study.h5").exists())


if __name__ == "__main__":
    unittest.main(verbosity=2)
