"""Study `classify` on peaks made here, of which the truth is known, and on those that ship."""
import pathlib
import sys
import tempfile
import unittest

import h5py
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from command import SOURCE, run

ROWS, COLUMNS = 12, 15
PEAKS = h5py.vlen_dtype(np.dtype([("qx", "f8"), ("qy", "f8"), ("intensity", "f8")]))
# Two lattices and, at places, both; (x, y) in 1/Å
PHASES = [np.array([(0.4 * h, 0.3 * k) for h in (-1, 0, 1) for k in (-1, 0, 1) if h or k]),
          np.array([(0.25 * h + 0.1 * k, 0.35 * k) for h in (-1, 0, 1) for k in (-1, 0, 1) if h or k])]


def amounts():
    """Of both phases: the first on the left, the second on the right, both between."""
    x = np.linspace(-0.5, 1.5, COLUMNS).clip(0, 1)
    return np.stack([np.tile(1 - x, (ROWS, 1)), np.tile(x, (ROWS, 1))])


def write_peaks(path):
    """As py4DSTEM wrote calibrated peaks before EMD 1.0: its qx is our y."""
    random = np.random.default_rng(4)
    with h5py.File(path, "w") as file:
        data = file.create_dataset("4DSTEM/peaks/data", (ROWS, COLUMNS), PEAKS)
        for i, j in np.ndindex(ROWS, COLUMNS):
            found = [(0.0, 0.0, 1e4)]
            for phase, amount in zip(PHASES, amounts()[:, i, j]):
                counts = random.poisson(200 * amount, len(phase))
                places = phase + random.normal(0, 0.003, phase.shape)
                found += [(y, x, n) for (x, y), n in zip(places, counts) if n]
            if (i, j) == (0, 0):
                found = found[:1]
            data[i, j] = np.array(found, PEAKS.metadata["vlen"])


STUDY = """\
study: classify
peaks: {file: peaks.h5}
features: {power: 1}
classify: {try_components: [1, 4], restarts: 6}
"""


class Classify(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)

    def run_study(self, study, *settings):
        (self.folder / "study.yaml").write_text(study)
        done = run("run", "study.yaml", *(a for s in settings for a in ("--set", s)), cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done, h5py.File(self.folder / "study.h5")["pendel"]

    def test_two_phases(self):
        write_peaks(self.folder / "peaks.h5")
        for settings in ((), ("classify.objective=poisson",), ("features.kind=rings",)):
            done, found = self.run_study(STUDY, *settings)
            weights, patterns = found["weights/data"][()], found["patterns/data"][()]
            self.assertEqual(weights.shape, (2, ROWS, COLUMNS), done.stdout)
            self.assertIn("(taken)", done.stdout)
            q = found["q/data"][()]
            first = int(patterns[0][self.of_phase(q, 0)].sum() < 0.5)
            for k, phase in ((first, 0), (1 - first, 1)):
                self.assertGreater(patterns[k][self.of_phase(q, phase)].sum(), 0.97)
                whole = weights[k][1:][amounts()[phase][1:] == 1].mean()
                error = weights[k] / whole - amounts()[phase]
                # 1600 counts at a position where the phase is alone: 0.025; peaks that scatter over
                # neighbouring rings are no sum of two patterns
                most = 0.1 if q.ndim == 1 else 0.05
                self.assertLess(np.sqrt((error[1:] ** 2).mean()), most)
            classes = found["class/data"][()]
            self.assertTrue(np.isnan(classes[0, 0]))  # only the undiffracted beam
            np.testing.assert_array_equal(classes[1:, :4], first + 1)
            np.testing.assert_array_equal(classes[1:, -4:], 2 - first)
            self.assertGreater(found["similarity/data"][()].min(), 0.99)
            least = found["numbers/least_similarity/data"][()]
            self.assertLess(least[3], 0.9)
            unexplained = found["numbers/unexplained/data"][()]
            self.assertTrue((np.diff(unexplained) < 0).all())
            self.assertGreater(unexplained[0], 4 * unexplained[1])

    @staticmethod
    def of_phase(q, phase):
        lengths = np.hypot(*PHASES[phase].T)
        if q.ndim == 1:
            return np.abs(q[:, None] - lengths).min(1) < 0.025
        return np.hypot(*(q[:, None] - PHASES[phase]).transpose(2, 0, 1)).min(1) < 0.01

    def test_frame_and_calibration_of_the_study(self):
        """Turned by 90°, what lay along the scan's rows (y) lies along its columns (x)."""
        write_peaks(self.folder / "peaks.h5")
        _, found = self.run_study(STUDY, "peaks.rotation_deg=90", "peaks.pixel_invA=2")
        q = found["q/data"][()] / 2
        # rotation of the detector's columns against the scan's: x = y of the detector
        turned = np.stack([PHASES[0][:, 1], -PHASES[0][:, 0]], 1)
        for place in turned[np.hypot(*turned.T) < 0.7]:
            self.assertLess(np.hypot(*(q - place).T).min(), 0.01)

    def test_the_peaks_that_ship(self):
        study = run("new", "classify", cwd=self.folder).stdout
        done, found = self.run_study(study)
        with h5py.File(SOURCE / "data/scans/cathode_peaks.h5") as file:
            lists = file["pendel/braggvectors/_v_uncal/data"][()].ravel()
        peaks = np.concatenate([p for p in lists if len(p)])
        q = np.hypot(peaks["qx"], peaks["qy"])
        histogram, edges = np.histogram(q, np.linspace(0, 1.5, 151), weights=peaks["intensity"])
        np.testing.assert_allclose(found["radial_histogram/data"], histogram, rtol=1e-9)
        centres = (edges[1:-2] + edges[2:-1]) / 2
        highest = [(h, c) for a, h, b, c in zip(histogram, histogram[1:], histogram[2:], centres)
                   if h > a and h >= b and c > 0.1]
        expected = sorted(c for _, c in sorted(highest)[-10:])
        np.testing.assert_allclose(found["radial_maxima/data"], expected, atol=1e-9)
        inside = (np.abs(peaks["qx"]) < 1.5) & (np.abs(peaks["qy"]) < 1.5)
        self.assertAlmostEqual(found["bragg_vector_map/data"][()].sum() /
                               peaks["intensity"][inside].sum(), 1, 3)
        self.assertGreater(found["similarity/data"][()].min(), 0.99)
        # one component has the reflections between the strong rows: a crystal of its own
        weights = found["weights/data"][()]
        share = weights / np.where(weights.sum(0) > 0, weights.sum(0), np.nan)
        self.assertGreater(np.nanmax(share, axis=(1, 2)).min(), 0.9)

    def test_numbers_that_are_not_finite_are_left_out(self):
        write_peaks(self.folder / "peaks.h5")
        _, found = self.run_study(STUDY, "classify.restarts=1")
        expected = found["weights/data"][()]
        with h5py.File(self.folder / "peaks.h5", "a") as file:
            data = file["4DSTEM/peaks/data"]
            wrong = np.array([(np.nan, 0.1, 5), (0.3, 0.4, np.inf)], PEAKS.metadata["vlen"])
            data[3, 4] = np.concatenate([data[3, 4], wrong])
        done, found = self.run_study(STUDY, "classify.restarts=1")
        self.assertIn("note: 2 peaks", done.stdout)
        np.testing.assert_array_equal(found["weights/data"], expected)

    def test_what_is_wrong_is_named(self):
        write_peaks(self.folder / "peaks.h5")
        (self.folder / "study.yaml").write_text(STUDY)
        np.save(self.folder / "scan.npy", np.ones((2, 2, 4, 4), "u1"))
        with h5py.File(self.folder / "nothing.h5", "w") as file:
            file.create_dataset("4DSTEM/peaks/data", (0, 0), PEAKS)
        for setting, status, words in (
                ("peaks.file=none.h5", 3, "none.h5"),
                ("peaks.file=scan.npy", 3, "scan.npy"),
                ("peaks.file=nothing.h5", 3, "has no position"),
                ("peaks.rows=[0, 12]", 3, "peaks.rows [0, 12] is not in the scan, which has 12"),
                ("peaks.rows=[5, 2]", 2, "is no first and last element"),
                ("features.range_invA=[3, 4]", 3, "no Bragg peak lies within"),
                ("features.step_invA=0.0002", 2, "is the least"),
                ("classify.try_components=[2, 50]", 2, "components are asked of")):
            done = run("run", "study.yaml", "--set", setting, cwd=self.folder)
            self.assertEqual(done.returncode, status, done.stderr + done.stdout)
            self.assertIn(words, done.stderr)
            self.assertFalse((self.folder / "study.h5").exists())


if __name__ == "__main__":
    unittest.main(verbosity=2)
