"""Study `flow` on a scan made here, whose arcs are known in the scan's frame, and on peaks."""
import pathlib
import sys
import tempfile
import unittest

import h5py
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from command import run

ROWS, COLUMNS, Q, PIXEL, ROTATION = 14, 18, 48, 0.01, 25
ORIGIN = (22.6, 24.3)  # column, row

STUDY = f"""\
study: flow
scan: {{file: scan.npy, pixel_invA: {PIXEL}, step_A: 50}}
calibration: {{origin_px: [{ORIGIN[0]}, {ORIGIN[1]}], rotation_deg: {ROTATION}, flip: true}}
flow: {{rings_invA: [[0.11, 0.19]]}}
"""


def vectors():
    """Of the detector's pixels in the scan's frame: rows reversed, then turned back."""
    row, column = np.mgrid[:Q, :Q]
    x, y = PIXEL * (column - ORIGIN[0]), -PIXEL * (row - ORIGIN[1])
    c, s = np.cos(np.radians(ROTATION)), np.sin(np.radians(ROTATION))
    return c * x + s * y, -s * x + c * y


def angles():
    """Of the scattering vectors: lines across them are y = x²/40 + constant."""
    x = np.arange(COLUMNS) - 6.0
    return np.tile(np.degrees(np.arctan(x / 20)) + 90, (ROWS, 1))


def scan():
    random = np.random.default_rng(8)
    x, y = vectors()
    q, azimuth = np.hypot(x, y), np.degrees(np.arctan2(y, x))
    patterns = np.empty((ROWS, COLUMNS, Q, Q), "u2")
    for i, j in np.ndindex(ROWS, COLUMNS):
        t = ((azimuth - angles()[i, j] + 90) % 180 - 90) / 10
        r = (q - 0.15) / 0.015
        patterns[i, j] = random.poisson(15 * np.exp(-q / 0.1) + 5 * np.exp(-(t**2 + r**2) / 2))
    return patterns


class Flow(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)

    def run_study(self, study, *settings):
        (self.folder / "study.yaml").write_text(study)
        done = run("run", "study.yaml", *(a for s in settings for a in ("--set", s)), cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done, h5py.File(self.folder / "study.h5")["pendel"]

    def test_arcs_and_lines_of_a_turned_and_mirrored_scan(self):
        np.save(self.folder / "scan.npy", scan())
        done, found = self.run_study(STUDY)
        angle, error = (found[f"ring1/{name}/data"][..., 0] for name in ("angle", "angle_error"))
        self.assertTrue(np.isfinite(angle).all(), done.stdout)
        pull = ((angle - angles() + 90) % 180 - 90) / error
        self.assertLess(abs(pull.mean()), 4 / np.sqrt(pull.size))
        self.assertGreater(pull.std(), 0.85)
        self.assertLess(pull.std(), 1.2)
        lines = found["ring1/lines/data"][()]
        longest = 0
        for number in np.unique(lines[:, 0]):
            column, row = lines[lines[:, 0] == number, 1:3].T
            constant = row - (column - 6) ** 2 / 40
            # arcs are known to 1.5°: a line of 17 positions wanders by less than 0.5
            self.assertLess(np.ptp(constant), 0.5)
            longest = max(longest, np.ptp(column))
        self.assertGreater(longest, 15)
        self.assertGreater(len(np.unique(lines[:, 0])), 10)
        one = lines.copy()
        _, found = self.run_study(STUDY)
        np.testing.assert_array_equal(found["ring1/lines/data"], one)
        done, found = self.run_study(STUDY, "flow.seed=2")
        self.assertFalse(np.array_equal(found["ring1/lines/data"], one))
        # along the vectors the lines are upright
        _, found = self.run_study(STUDY, "flow.direction=along_vectors")
        line = found["ring1/lines/data"][()]
        self.assertGreater(np.median(np.abs(line[:, 3] - 90)), 0)
        self.assertLess(np.abs(line[:, 3] - 90).max(), 40)

    def test_origin_of_a_calibration(self):
        """The halo's centre, as the study `calibrate` finds it, serves as well as the true one."""
        np.save(self.folder / "scan.npy", scan())
        (self.folder / "found.yaml").write_text(
            f"study: calibrate\nscan: {{file: scan.npy, pixel_invA: {PIXEL}}}\n"
            "origin: {radius_px: 6, shape: constant}\n")
        done = run("run", "found.yaml", cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        study = STUDY.replace(f"origin_px: [{ORIGIN[0]}, {ORIGIN[1]}]", "file: found.h5")
        _, found = self.run_study(study)
        angle, error = (found[f"ring1/{name}/data"][..., 0] for name in ("angle", "angle_error"))
        pull = ((angle - angles() + 90) % 180 - 90) / error
        self.assertLess(abs(pull.mean()), 4 / np.sqrt(pull.size))
        self.assertLess(pull.std(), 1.2)

    def test_the_peaks_that_ship(self):
        study = run("new", "flow", cwd=self.folder).stdout
        done, found = self.run_study(study)
        # 311 of one crystal: one direction or a few, the same all over it
        total = np.nansum(found["ring1/orientation_histogram/data"][()], (0, 1))
        self.assertGreater(total.max(), 4 * np.median(total))
        self.assertEqual(found["ring1/angle/data"].shape, (27, 20, 3))
        self.assertIn("lines", done.stdout)

    def test_what_is_wrong_is_named(self):
        np.save(self.folder / "scan.npy", np.ones((2, 2, Q, Q), "u1"))
        np.save(self.folder / "mask.npy", np.ones((4, 4)))
        (self.folder / "study.yaml").write_text(STUDY)
        for settings, status, words in (
                (["flow.rings_invA=[[0.3, 0.1]]"], 2, "rings_invA"),
                (["flow.rings_invA=[[5, 6]]"], 2, "too few to tell angles apart"),
                (["flow.rings_invA=[]"], 2, "at least one is needed"),
                (["calibration.mask=mask.npy"], 3, "is not one image of 48 x 48"),
                (["calibration.file=scan.npy"], 3, "scan.npy"),
                (["calibration.file=scan.npy", "scan.bin_pattern=2"], 2, "do not go with it")):
            done = run("run", "study.yaml", *(a for s in settings for a in ("--set", s)),
                       cwd=self.folder)
            self.assertEqual(done.returncode, status, done.stderr + done.stdout)
            self.assertIn(words, done.stderr)
            self.assertFalse((self.folder / "study.h5").exists())
        for old, words in ((f"origin_px: [{ORIGIN[0]}, {ORIGIN[1]}], ", "where the undiffracted beam"),
                           (f"pixel_invA: {PIXEL}, ", "how large a pixel is")):
            (self.folder / "study.yaml").write_text(STUDY.replace(old, ""))
            done = run("run", "study.yaml", cwd=self.folder)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(words, done.stderr)
        # nothing but a level background: no lines, and no failure
        done, found = self.run_study(STUDY)
        self.assertNotIn("lines", found["ring1"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
