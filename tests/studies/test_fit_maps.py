"""Fits of whole maps through the command: priors, search from neighbours, rank, bootstrap, profiles."""
import pathlib
import re
import tempfile
import unittest

import command
import h5py
import numpy as np

ROWS, COLUMNS = 6, 7
STUDY = command.FIT.replace(
    "  search: {samples: 400, starts: 4}",
    """\
  thickness_A: [{layer: 1, range: [60, 180]}]
  profile: [thickness_A.1]
  checks: {bootstrap_positions: 2, bootstrap_samples: 12, profile_positions: 2, profile_points: 13}
  search: {method: multistart, samples: 400, starts: 6, basins: 3}""")
PRIORS = """\
  priors:
    - {parameter: beam_tilt_mrad, kind: smooth, sigma: 0.05}
    - {parameter: thickness_A, kind: edges}
"""


class Maps(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.place.name)
        # a bent crystal: the tilt is smooth over the scan; few electrons
        row, column = np.mgrid[:ROWS, :COLUMNS]
        tilt = np.stack([0.3 * column - 1 + 0.02 * row**2, 0.2 * row - 0.4], axis=-1).reshape(-1, 2)
        tilts = "[" + ", ".join(f"[{x:.6f}, {y:.6f}]" for x, y in tilt) + "]"
        (cls.folder / "scan.yaml").write_text(command.PATTERN.replace("TILTS", tilts))
        done = command.run("run", "scan.yaml", "-o", "pattern.h5", cwd=cls.folder)
        assert done.returncode == 0, done.stderr
        random = np.random.default_rng(3)
        with h5py.File(cls.folder / "pattern.h5") as made, h5py.File(cls.folder / "scan.h5", "w") as scan:
            counts = random.poisson(2e3 * made["pendel/intensity/data"][:, 0, :]).astype(float)
            scan["intensity"] = counts.reshape(ROWS, COLUMNS, -1)
            scan["hkl"] = made["pendel/hkl/data"][()]
            for axis, name in enumerate("xy"):
                scan[f"truth/beam_tilt_mrad.{name}"] = np.round(tilt[:, axis], 6).reshape(ROWS, COLUMNS)
            scan["truth/thickness_A.1"] = np.full((ROWS, COLUMNS), 30 * 3.905)
        cls.alone = cls.fitted("alone", STUDY)
        cls.coupled = cls.fitted("coupled", STUDY + PRIORS)

    @classmethod
    def tearDownClass(cls):
        cls.place.cleanup()

    @classmethod
    def fitted(cls, name, study):
        """(arrays of the result, standard output)"""
        (cls.folder / f"{name}.yaml").write_text(study)
        done = command.run("run", f"{name}.yaml", cwd=cls.folder)
        assert done.returncode == 0, done.stderr
        found = {}
        with h5py.File(cls.folder / f"{name}.h5") as file:
            def add(path, item):
                if isinstance(item, h5py.Dataset) and path.endswith("/data"):
                    found[path[len("pendel/"):-len("/data")]] = item[()]
            file.visititems(add)
        return found, done.stdout

    def rms(self, maps, prefix, name):
        return np.sqrt(np.mean((maps[f"{prefix}/{name}"] - self.alone[0][f"truth/{name}"])**2))

    def test_priors_lower_the_error_and_keep_the_map_without(self):
        alone, coupled = self.alone[0], self.coupled[0]
        for name in "beam_tilt_mrad.x", "beam_tilt_mrad.y", "thickness_A.1":
            np.testing.assert_array_equal(coupled[f"prior_free/{name}"], alone[f"parameters/{name}"])
            # the discretisation is looked at where the fit is, which differs a little
            np.testing.assert_allclose(coupled[f"prior_free_errors/{name}"], alone[f"errors/{name}"], 0.01)
            self.assertLess(self.rms(coupled, "parameters", name), 0.8 * self.rms(alone, "parameters", name))
            self.assertLess(coupled[f"errors/{name}"].mean(), alone[f"errors/{name}"].mean())
        # nothing lies in another basin, whatever the positions alone said
        self.assertLess(np.abs(coupled["parameters/thickness_A.1"] - 30 * 3.905).max(), 10)
        differs = np.abs(coupled["parameters/thickness_A.1"] - alone["parameters/thickness_A.1"]) > 20
        np.testing.assert_array_equal(coupled["changed_by_neighbours"][differs], 1)
        self.assertRegex(self.coupled[1], r"priors: differences of beam_tilt_mrad.x 0.05, differences of "
                         r"beam_tilt_mrad.y 0.05, differences of thickness_A.1 [\d.e-]+ \(estimated\)\n"
                         r"priors: \d+ of 42 positions take another basin than their own data prefer; "
                         r"joint polish converged")

    def test_basins_rank_bootstrap_and_profiles(self):
        maps, text = self.alone
        chi2 = maps["basins/chi2"]
        self.assertEqual(chi2.shape[:2], (ROWS, COLUMNS))
        self.assertTrue(np.all(np.diff(chi2)[np.isfinite(np.diff(chi2))] >= 0))
        np.testing.assert_array_equal(maps["basins/thickness_A.1"][..., 0], maps["parameters/thickness_A.1"])
        self.assertTrue(np.isin(maps["rank"], [0, 1, 2, 3]).all())
        self.assertRegex(text, r"rank: (the data determine all 3 parameters|.* at \d+ of 42 positions)")
        np.testing.assert_allclose(np.linalg.norm(maps["worst_combination"], axis=-1), 1)
        self.assertEqual(maps["bootstrap"].shape, (2, 5))
        self.assertTrue(((maps["bootstrap"][:, :3] > 0.4) & (maps["bootstrap"][:, :3] < 2.5)).all())
        self.assertRegex(text, r"bootstrap: scatter of 12 simulated refits over the error bar, at 2 "
                               r"positions: beam_tilt_mrad.x [\d.]+, ")
        curve, values = maps["profile/thickness_A.1"], maps["profile_values/thickness_A.1"]
        self.assertEqual(curve.shape, values.shape)
        self.assertEqual((np.nanmin(values), np.nanmax(values)), (60, 180))
        self.assertRegex(text, r"profile: thickness_A.1 at position \d+: [\d.]+, from its profile -")
        self.assertRegex(text, r"convergence: g_max_invA 2.5 -> 3.125 would move beam_tilt_mrad.x by")
        self.assertRegex(text, r"convergence: slice_A 4 -> 0.5 would move")
        self.assertEqual(maps["convergence"].shape, (2, 3, 5))

    def test_search_from_neighbours(self):
        maps, text = self.fitted("neighbours", STUDY.replace("multistart", "neighbours"))
        self.assertIn("search: neighbours\n", text)
        chi2, everywhere = maps["chi2"], self.alone[0]["chi2"]
        self.assertLess(np.mean(chi2), 1.1 * np.mean(everywhere))
        self.assertLess(self.rms(maps, "parameters", "beam_tilt_mrad.x"),
                        1.3 * self.rms(self.alone[0], "parameters", "beam_tilt_mrad.x"))

    def test_errors_of_what_the_scan_shares_reach_the_maps(self):
        # Few positions decide on the thickness: its error is large, and tilt and it are tied.
        shared = STUDY.replace("range: [60, 180]}", "range: [90, 150], per: scan}").replace(
            "  profile: [thickness_A.1]\n", "").replace("basins: 3", "basins: 2, scan_positions: 2")
        with_errors, text = self.fitted("shared", shared)
        thickness = float(re.search(r"thickness_A.1 = ([\d.]+) ±", text)[1])
        fixed = shared.replace("  thickness_A: [{layer: 1, range: [90, 150], per: scan}]\n", "").replace(
            "cells: 30", f"thickness_A: {thickness}")
        without, _ = self.fitted("fixed", fixed)
        self.assertTrue((with_errors["errors/beam_tilt_mrad.x"] >=
                         0.999 * without["errors/beam_tilt_mrad.x"]).all())
        self.assertTrue((with_errors["scale_error"] > without["scale_error"]).all())

    def test_wrong_input(self):
        for name, (key, wrong, message) in {
                "name": ("beam_tilt_mrad, kind", "beam_tlt, kind",
                         r"fit.priors.0.parameter: there is no 'beam_tlt'; there are: beam_tilt_mrad.x"),
                "sublayers": ("kind: edges", "kind: sublayers", "thickness_A has none; allowed: smooth, edges"),
                "sigma": ("sigma: 0.05", "sigma: 0", "fit.priors.0.sigma.*above 0"),
                "kind": ("kind: edges", "kind: edge", "fit.priors.1.kind.*did you mean edges"),
                "profile": ("profile: [thickness_A.1]", "profile: [thickness]", "fit.profile.0: there is no 'thickness'; there are")}.items():
            text = STUDY + PRIORS
            self.assertIn(key, text)
            (self.folder / "wrong.yaml").write_text(text.replace(key, wrong))
            done = command.run("check", "wrong.yaml", cwd=self.folder)
            self.assertEqual(done.returncode, 2, name + done.stdout)
            self.assertRegex(done.stderr, message)


if __name__ == "__main__":
    unittest.main()
