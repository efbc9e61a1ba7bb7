"""Thickness over a scan: one value for each of its regions, and a wedge as a smooth map."""
import pathlib
import signal
import subprocess
import tempfile
import time
import unittest

import command
import h5py
import numpy as np

ROWS, COLUMNS = 5, 8
ENGINE = "slice_A: 4}", "slice_A: 2}"  # so that the errors are those of counting
SEARCH = "  search: {samples: 400, starts: 4}\n"
STUDY = command.FIT.replace(*ENGINE).replace("g_max_invA: 2.5", "g_max_invA: 3").replace(
    SEARCH, "  thickness_A: [{layer: 1, range: [80, 160]}]\n  scale: fixed\n"
            "  checks: {bootstrap_positions: 2, bootstrap_samples: 5}\n"
            "  search: {method: multistart, samples: 150, starts: 4, basins: 3, scan_positions: 12}\n")
REGIONS = STUDY.replace("[80, 160]}", "[80, 160], per: region}") + "  regions: {rectangles: [[0, 5, 0, 3]]}\n"


class Thickness(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.place.name)

    @classmethod
    def tearDownClass(cls):
        cls.place.cleanup()

    def write_scan(self, thickness, dose):
        """scan.h5: counts of a bent specimen, which is as thick as the map says."""
        row, column = np.mgrid[:ROWS, :COLUMNS]
        tilt = np.stack([0.3 * column - 1 + 0.02 * row**2, 0.2 * row - 0.4], axis=-1).reshape(-1, 2)
        tilts = "[" + ", ".join(f"[{x:.6f}, {y:.6f}]" for x, y in tilt) + "]"
        several, which = np.unique(thickness, return_inverse=True)
        listed = ", ".join(f"{t:.4f}" for t in several)
        (self.folder / "scan.yaml").write_text(
            command.PATTERN.replace("TILTS", tilts).replace(*ENGINE).replace("g_max_invA: 2.5", "g_max_invA: 3") + f"  thicknesses_A: [{listed}]\n")
        done = command.run("run", "scan.yaml", "-o", "pattern.h5", cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        random = np.random.default_rng(8)
        with h5py.File(self.folder / "pattern.h5") as made, h5py.File(self.folder / "scan.h5", "w") as scan:
            intensity = made["pendel/intensity/data"][()][np.arange(ROWS * COLUMNS), which.ravel()]
            scan["intensity"] = random.poisson(dose * intensity).astype(float).reshape(ROWS, COLUMNS, -1)
            scan["hkl"] = made["pendel/hkl/data"][()]
            for axis, name in enumerate("xy"):
                scan[f"truth/beam_tilt_mrad.{name}"] = np.round(tilt[:, axis], 6).reshape(ROWS, COLUMNS)
            scan["truth/thickness_A.1"] = thickness

    def arrays(self, name):
        found = {}
        with h5py.File(self.folder / name) as file:
            def add(path, item):
                if isinstance(item, h5py.Dataset) and path.endswith("/data") and "metadata" not in path:
                    found[path[len("pendel/"):-len("/data")]] = item[()]
            file.visititems(add)
        return found

    def fitted(self, study, status=0):
        (self.folder / "fit.yaml").write_text(study)
        done = command.run("run", "fit.yaml", cwd=self.folder)
        self.assertEqual(done.returncode, status, done.stderr + done.stdout)
        return (self.arrays("fit.h5"), done.stdout) if status == 0 else done.stderr

    # --- a wedge

    def test_a_wedge_is_a_smooth_map(self):
        row, column = np.mgrid[:ROWS, :COLUMNS]
        truth = 95 + 4.3 * column + 1.7 * row
        self.write_scan(truth, 1e3)
        prior = "  priors: [{parameter: thickness_A, kind: smooth}]\n"
        found, said = self.fitted(STUDY + prior)
        self.assertRegex(said, r"differences of thickness_A.1 [\d.]+ \(estimated\)")
        alone = found["prior_free/thickness_A.1"] - truth
        smooth = found["parameters/thickness_A.1"] - truth
        rms = lambda values: np.sqrt(np.mean(values**2))
        self.assertLess(rms(smooth), 0.6 * rms(alone), (rms(alone), rms(smooth)))
        spread = rms(smooth / found["errors/thickness_A.1"])
        self.assertTrue(0.3 < spread < 1.4, spread)
        print(f"wedge: rms {rms(alone):.3f} Å alone, {rms(smooth):.3f} Å smooth; errors "
              f"{np.median(found['prior_free_errors/thickness_A.1']):.3f}, "
              f"{np.median(found['errors/thickness_A.1']):.3f}; spread {spread:.2f}")

    # --- regions

    def test_one_thickness_for_each_region(self):
        truth = np.where(np.arange(COLUMNS) < 3, 30, 33) * 3.905 * np.ones((ROWS, 1))
        self.write_scan(truth, 1e4)
        found, said = self.fitted(REGIONS)
        value, error = found["parameters/thickness_A.1"], found["errors/thickness_A.1"]
        for part in np.s_[:, :3], np.s_[:, 3:]:
            self.assertEqual(np.ptp(value[part]), 0)
            self.assertLess(np.abs((value - truth)[part] / error[part]).max(), 4)
            self.assertLess(error[part].max(), 0.3)
        self.assertRegex(said, r"thickness_A.1 = 117\.\d+ ± 0\.\d+ Å for region 1 \(15 positions\)\n")
        self.assertRegex(said, r"thickness_A.1 = 12[89]\.\d+ ± 0\.\d+ Å for elsewhere \(25 positions\)\n")
        self.assertLess(np.median(found["chi2"]), 1.3)
        for letter in "xy":
            off = found[f"parameters/beam_tilt_mrad.{letter}"] - found[f"truth/beam_tilt_mrad.{letter}"]
            self.assertLess(np.abs(off / found[f"errors/beam_tilt_mrad.{letter}"]).max(), 4.5)
        # a map of numbers is the same
        with h5py.File(self.folder / "regions.h5", "w") as file:
            file["regions"] = np.where(truth < 120, 7, -2)
            file["half"] = np.full((ROWS, COLUMNS), 0.5)
        by_map, said = self.fitted(REGIONS.replace("{rectangles: [[0, 5, 0, 3]]}", "{map: {file: regions.h5}}"))
        self.assertIn("for region -2 (25 positions)", said)
        for key in "parameters/thickness_A.1", "errors/thickness_A.1", "parameters/beam_tilt_mrad.x", "rank":
            np.testing.assert_array_equal(by_map[key], found[key], err_msg=key)
        # killed on the way and resumed
        slow = REGIONS.replace("starts: 4", "starts: 10")
        whole, _ = self.fitted(slow)
        partial = self.folder / "fit.h5.partial"
        process = subprocess.Popen([command.PENDEL, "run", "fit.yaml", "--threads", "1"], cwd=self.folder,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        deadline = time.monotonic() + 60
        while not (partial.exists() and partial.stat().st_size > 4000):
            self.assertIsNone(process.poll(), "the run ended before it could be killed")
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
        done = command.run("run", "fit.yaml", "--resume", cwd=self.folder)
        self.assertRegex(done.stdout, r"resumed: [1-9]\d* positions are done already")
        again = self.arrays("fit.h5")
        self.assertEqual(sorted(again), sorted(whole))
        for key, values in whole.items():
            np.testing.assert_array_equal(again[key], values, err_msg=key)

        for name, (old, new, status, message) in {
                "none": ("  regions: {rectangles: [[0, 5, 0, 3]]}\n", "", 2,
                         "thickness_A.1 is fitted per region; needed: fit.regions, a map or rectangles"),
                "no use": (", per: region", "", 2, "fit.regions: no parameter is fitted per region"),
                "outside": ("[0, 5, 0, 3]", "[0, 6, 0, 3]", 2,
                            "fit.regions.rectangles.0: is no rectangle of the scan of 5 rows and 8 columns"),
                "overlap": ("[[0, 5, 0, 3]]", "[[0, 5, 0, 3], [4, 5, 2, 6]]", 2,
                            "fit.regions.rectangles.1: overlaps the one of number 0 at row 4, column 2"),
                "prior": (SEARCH[:10], "  priors: [{parameter: beam_tilt_mrad, kind: smooth}]\n  search: ", 2,
                          "fit.priors: ties neighbours, which may be of different regions"),
                "neighbours": ("multistart", "neighbours", 2,
                               "fit.search.method: is neighbours, which may be of different regions"),
                "map": ("{rectangles: [[0, 5, 0, 3]]}", "{map: {file: regions.h5, dataset: half}}", 3,
                        "regions.h5: half: holds 0.5; the number of a region is an integer")}.items():
            self.assertIn(old, REGIONS, name)
            self.assertIn(message, self.fitted(REGIONS.replace(old, new), status), name)


if __name__ == "__main__":
    unittest.main()
