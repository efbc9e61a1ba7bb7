"""Study `disks` on scans made here and on the one that ships."""
import pathlib
import sys
import tempfile
import unittest

import h5py
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from command import run

ROWS, COLUMNS, Q, RADIUS = 3, 5, 96, 6.0

STUDY = """\
study: disks
scan: {file: scan.npy, pixel_invA: 0.02}
disks: {}
"""


def disk(column, row, counts):
    y, x = np.mgrid[:Q, :Q]
    shape = 1 / (1 + np.exp(4 * (np.hypot(x - column, y - row) - RADIUS) / 1.5))
    return counts * shape / shape.sum()


class Disks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        random = np.random.default_rng(4)
        cls.places = np.array([(48.3, 47.6)] + [(48.3 + 22.4 * np.cos(a), 47.6 + 25.1 * np.sin(a))
                                                for a in np.arange(6) * np.pi / 3])
        cls.strength = np.array([9000, 3000, 2000, 1500, 2500, 1800, 900])
        mean = 0.1 + sum(disk(x, y, n) for (x, y), n in zip(cls.places, cls.strength))
        cls.scan = random.poisson(mean, (ROWS, COLUMNS, Q, Q)).astype("u2")
        cls.vacuum = random.poisson(disk(50.2, 44.9, 3e5)).astype("u4")

    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.temporary.name)
        self.addCleanup(self.temporary.cleanup)
        np.save(self.folder / "scan.npy", self.scan)
        np.save(self.folder / "vacuum.npy", self.vacuum)

    def run_study(self, *settings, study=STUDY, arguments=()):
        (self.folder / "study.yaml").write_text(study)
        done = run("run", "study.yaml", *(a for s in settings for a in ("--set", s)), *arguments,
                   cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done, h5py.File(self.folder / "study.h5", "r")["pendel"]

    def vectors(self, found):
        lists = found["braggvectors/_v_uncal/data"][()].ravel()
        return [np.stack([points[name] for name in ("qx", "qy", "intensity")], -1) for points in lists]

    def check(self, vectors, far):
        for at in vectors:
            # now and then some 15 counts of background look like a disk
            at = at[at[:, 2] > 100]
            self.assertEqual(len(at), len(self.places))
            for (column, row), counts in zip(self.places, self.strength):
                d = np.hypot(at[:, 0] - row, at[:, 1] - column)
                self.assertLess(d.min(), far)
                self.assertLess(abs(at[d.argmin(), 2] - counts), 5 * np.sqrt(counts) + 0.03 * counts)

    def test_templates(self):
        """From a vacuum, from the disks themselves, and synthetic: each finds all, refined or not."""
        for settings, far in ((["disks.template.vacuum=vacuum.npy"], 0.3), ([], 0.3),
                              (["disks.template.radius_px=6"], 0.3),
                              (["disks.template.radius_px=6", "disks.refinement=none"], 0.4)):
            with self.subTest(settings):
                _, found = self.run_study(*settings)
                self.check(self.vectors(found), far)
                np.testing.assert_array_equal(found["number_of_disks/data"][()].ravel(),
                                              [len(at) for at in self.vectors(found)])
                self.assertLess(found["number_of_disks/data"][()].sum(), 15 * (len(self.places) + 1))
                np.testing.assert_allclose(found["disk_counts/data"][()], self.strength.sum(), rtol=0.03)
                self.assertAlmostEqual(found["disk_map/data"][()].sum(),
                                       found["disk_counts/data"][()].sum(), delta=1)
                self.assertLess(abs(found["metadatabundle/template"]["radius_px"][()] - RADIUS), 0.15)

    def test_crystallinity(self):
        """Counts of the diffracted disks against all beside the direct one; 0 of a disk alone."""
        scan = self.scan.copy()
        scan[0, 0] = np.random.default_rng(1).poisson(0.1 + disk(48.3, 47.6, 9000))
        np.save(self.folder / "scan.npy", scan)
        _, found = self.run_study("disks.template.radius_px=6", "disks.detection.min_counts=100")
        values = found["crystallinity/data"][()]
        diffracted = self.strength[1:].sum()
        np.testing.assert_allclose(values.ravel()[1:], diffracted / (diffracted + 0.1 * Q * Q), atol=0.03)
        self.assertEqual(values[0, 0], 0)

    def test_disks_joined_with_their_lattice(self):
        turn = np.deg2rad(60 * np.arange(6))
        places = np.array([(48.3, 47.6)] + [(48.3 + 25 * np.cos(a), 47.6 + 25 * np.sin(a)) for a in turn])
        strength = np.array([9000, 3000, 60, 1500, 40, 1800, 50])
        mean = 0.05 + sum(disk(x, y, n) for (x, y), n in zip(places, strength))
        np.save(self.folder / "scan.npy", np.random.default_rng(2).poisson(mean, (4, 5, Q, Q)).astype("u2"))
        off = []
        for lattice in "false", "true":
            _, found = self.run_study("disks.template.radius_px=6", f"disks.refinement.lattice={lattice}")
            off.append([])
            for at in self.vectors(found):
                for (column, row), counts in zip(places, strength):
                    d = np.hypot(at[:, 0] - row, at[:, 1] - column).min()
                    if counts < 100 and d < 4:
                        off[-1].append(d)
            self.assertEqual("lattice_scatter" in found, lattice == "true")
        # of seven disks the scatter is itself not well known
        self.assertLess(np.nanmedian(found["lattice_scatter/data"][()]), 0.2)
        self.assertLess(np.sqrt(np.mean(np.square(off[1]))), 0.5 * np.sqrt(np.mean(np.square(off[0]))))

    def test_threads_do_not_matter(self):
        results = []
        for threads in "1", "2":
            _, found = self.run_study("disks.template.radius_px=6", arguments=("--threads", threads))
            results.append(np.concatenate(self.vectors(found)))
        np.testing.assert_array_equal(*results)

    def test_missing_patterns(self):
        np.save(self.folder / "scan.npy", self.scan.reshape(-1, Q, Q)[:-2])
        done, found = self.run_study("disks.template.radius_px=6", "scan.scan_shape=[3, 5]")
        self.assertIn("disks in 13 patterns", done.stdout)
        self.assertEqual(np.isnan(found["number_of_disks/data"][()]).sum(), 2)

    def test_the_scan_that_ships(self):
        study = run("new", "disks", cwd=self.folder).stdout
        done, found = self.run_study(study=study)
        self.assertIn("3 x 2 positions", done.stdout)
        self.assertGreater(found["number_of_disks/data"][()].min(), 5)
        plotted = run("plot", "study.h5", "-o", "figures", cwd=self.folder)
        self.assertEqual(plotted.returncode, 0, plotted.stderr)
        self.assertEqual(sorted(p.name for p in (self.folder / "figures").iterdir()),
                         ["study_disks.png", "study_maps.png"])

    def test_what_is_wrong_is_named(self):
        np.save(self.folder / "small.npy", np.ones((4, 4)))
        (self.folder / "study.yaml").write_text(STUDY)
        for settings, status, words in (
                (["disks.mask=small.npy"], 3, "is not one image of 96 x 96"),
                (["disks.template.vacuum=vacuum.npy", "disks.template.radius_px=6"], 2, "one or the other"),
                (["disks.template.bars=2"], 2, "are those of a disk of radius_px"),
                (["disks.template.radius_px=50"], 2, "does not fit in patterns of 96 x 96")):
            done = run("run", "study.yaml", *(a for s in settings for a in ("--set", s)), cwd=self.folder)
            self.assertEqual(done.returncode, status, done.stderr)
            self.assertIn(words, done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
