"""Fits to several sets of data, to pixels of disks, and under every noise model, on data made here."""
import pathlib
import tempfile
import unittest

import command
import h5py
import numpy as np

OFFSET = np.array([2.0, -1.5])  # mrad, of a second set's beam
PIXEL, SIDE = 0.45, 64  # mrad; of a detector for whole disks

CBED = f"""\
study: pattern
crystals: {{STO: {{cif: {command.CIF}/SrTiO3.cif}}}}
specimen: {{beam_direction: [0, 0, 1], layers: [{{crystal: STO, cells: 30}}]}}
beam: {{energy_keV: 300, semiangle_mrad: 1.8, tilt_mrad: [TILT]}}
engine: {{g_max_invA: 2.5, slice_A: 4}}
pattern:
  g_max_invA: 0.6
  cbed: {{detector: {{rows: {SIDE}, columns: {SIDE}, pixel_mrad: {PIXEL}, rotation_deg: 7}}}}
"""


class Data(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.folder = pathlib.Path(place.name)
        self.random = np.random.default_rng(4)

    def patterns(self, tilts, *changes):
        """Intensities (position, disk) of every beam up to 0.8 1/Å, and the beams."""
        listed = "[" + ", ".join(f"[{x:.6f}, {y:.6f}]" for x, y in tilts) + "]"
        text = command.PATTERN.replace("TILTS", listed)
        for old, new in changes:
            self.assertIn(old, text)
            text = text.replace(old, new)
        (self.folder / "p.yaml").write_text(text)
        done = command.run("run", "p.yaml", "--quiet", cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        with h5py.File(self.folder / "p.h5") as file:
            return file["pendel/intensity/data"][:, 0, :], file["pendel/hkl/data"][()]

    def write(self, name, tilts, intensity, hkl, **more):
        with h5py.File(self.folder / name, "w") as file:
            file["intensity"], file["hkl"] = intensity, hkl
            for axis, letter in enumerate("xy"):
                file[f"truth/beam_tilt_mrad.{letter}"] = tilts[:, axis]
            for key, value in more.items():
                file[key] = value

    def fit(self, data, lines, status=0, template=command.FIT):
        """Runs a fit with these `data` and `fit` lines; the result's root, in memory."""
        text = template.replace("{file: scan.h5, truth: truth}", data)
        (self.folder / "fit.yaml").write_text(text + "".join(f"  {line}\n" for line in lines))
        done = command.run("run", "fit.yaml", cwd=self.folder)
        self.assertEqual(done.returncode, status, done.stderr + done.stdout)
        if status:
            return done.stderr
        found = {}
        with h5py.File(self.folder / "fit.h5") as file:
            def keep(name, item):
                if isinstance(item, h5py.Dataset) and name.endswith("/data"):
                    found[name[:-5]] = item[()]
            file["pendel"].visititems(keep)
            found["model_error"] = float(file["pendel/metadatabundle/fit/model_error"][()])
        found["said"] = done.stdout
        return found

    def check_tilts(self, found, tilts, most=4.5):
        for axis, letter in enumerate("xy"):
            error = found[f"parameters/beam_tilt_mrad.{letter}"] - tilts[:, axis]
            self.assertLess(np.abs(error / found[f"errors/beam_tilt_mrad.{letter}"]).max(), most)

    # --- several sets

    def test_two_tilts_of_the_same_region(self):
        tilts = self.random.uniform(-2, 2, (6, 2))
        first, hkl = self.patterns(tilts)
        second, _ = self.patterns(tilts + OFFSET)
        few = np.flatnonzero(np.abs(hkl).sum(axis=1) < 3)  # the second set has fewer disks
        self.write("a.h5", tilts, self.random.poisson(1e5 * first + 3), hkl)
        self.write("b.h5", tilts, self.random.poisson(1.2 * 4e4 * second[:, few] + 9), hkl[few])
        sets = ("[{file: a.h5, truth: truth, dose: 1.0e+5}, "
                "{file: b.h5, dose: 4.0e+4, tilt_offset_mrad: [2, -1.5]}]")
        lines = "background: {range: [0, 40]}",
        both = self.fit(sets, lines)
        self.check_tilts(both, tilts)
        self.assertLess(np.abs(both["parameters/scale.set2"] - 1.2).max(), 0.05)
        self.assertLess(np.abs(both["parameters/background.set1"] - 3).max(), 3)
        self.assertLess(np.abs(both["parameters/background.set2"] - 9).max(), 6)
        np.testing.assert_array_equal(both["set"], [1] * len(hkl) + [2] * len(few))
        # the second set makes the tilt better known than the first alone
        alone = self.fit("{file: a.h5, dose: 1.0e+5}", lines)
        self.assertLess(np.median(both["errors/beam_tilt_mrad.x"] / alone["errors/beam_tilt_mrad.x"]), 1)
        # and a wrong sign of its offset does not fit
        wrong = self.fit(sets.replace("[2, -1.5]", "[-2, 1.5]"), lines)
        self.assertGreater(np.median(wrong["chi2"]), 20 * np.median(both["chi2"]))

    def test_a_tilt_series_is_one_set_per_tilt(self):
        tilts, series = self.random.uniform(-2, 2, (2, 2)), np.array([[0.5, -3], [4, 2], [-3, 1]])
        parts = [self.patterns(tilts + offset) for offset in series]
        hkl = parts[0][1]
        counts = np.stack([self.random.poisson(1e5 * p[0]) for p in parts], axis=1).astype(float)
        counts[0, 1, 3] = np.nan
        self.write("series.h5", tilts, counts, hkl, angles=series)
        found = self.fit("{file: series.h5, truth: truth, dose: 1.0e+5, tilts_mrad: angles}", ["scale: fixed"])
        self.check_tilts(found, tilts)
        for k in range(3):
            self.write(f"{k}.h5", tilts, counts[:, k], hkl)
        sets = ", ".join(f"{{file: {k}.h5, dose: 1.0e+5, tilt_offset_mrad: [{x}, {y}]}}" for k, (x, y) in enumerate(series))
        listed = self.fit(f"[{sets}]", ["scale: fixed"])
        for key in "parameters/beam_tilt_mrad.x", "errors/beam_tilt_mrad.y", "chi2", "fitted", "hkl":
            np.testing.assert_array_equal(found[key], listed[key], err_msg=key)
        np.testing.assert_array_equal(found["tilt_mrad"], np.repeat(series, len(hkl), axis=0))
        # one position, its scale common to the series
        self.write("one.h5", tilts[:1], counts[1], hkl, angles=series)
        with h5py.File(self.folder / "one.h5", "a") as file:
            del file["truth"]
        one = self.fit("{file: one.h5, dose: 1.0e+5, tilts_mrad: angles}", [])
        self.assertEqual(one["parameters/beam_tilt_mrad.x"].shape, (1,))
        self.assertLess(abs(one["parameters/beam_tilt_mrad.x"][0] - tilts[1, 0]), 4.5 * one["errors/beam_tilt_mrad.x"][0])
        self.assertNotIn("scale.set2", " ".join(one))
        # wrong: as many tilts as there are none
        self.write("few.h5", tilts, counts[:, :2], hkl, angles=series)
        said = self.fit("{file: few.h5, tilts_mrad: angles}", [], status=3)
        self.assertRegex(said, r"few.h5: intensity: has the shape \(2, 2, \d+\); needed: .*\(tilt, disk\) with 3 tilts and")
        said = self.fit("{file: few.h5, tilts_mrad: hkl}", [], status=3)
        self.assertRegex(said, r"hkl: has the shape \(\d+, 3\); needed: \(tilt, 2\)")

    def test_another_thickness_and_energy(self):
        tilts = self.random.uniform(-2, 2, (4, 2))
        first, hkl = self.patterns(tilts)
        second, hkl_b = self.patterns(tilts, ("cells: 30", "cells: 40"), ("energy_keV: 300", "energy_keV: 200"))
        self.write("a.h5", tilts, self.random.poisson(1e6 * first), hkl)
        self.write("b.h5", tilts, self.random.poisson(1e6 * second), hkl_b)
        sets = ("[{file: a.h5, truth: truth, dose: 1.0e+6}, "
                "{file: b.h5, dose: 1.0e+6, energy_keV: 200, thickness_offset_A: [39.05]}]")
        found = self.fit(sets, ["thickness_A: [{layer: 1, range: [105, 130]}]"])
        self.check_tilts(found, tilts)
        error = found["parameters/thickness_A.1"] - 117.15
        self.assertLess(np.abs(error / found["errors/thickness_A.1"]).max(), 4.5)
        self.assertLess(np.median(found["chi2"]), 1.5)
        for wrong in (", energy_keV: 200", ""), (", thickness_offset_A: [39.05]", ""):
            self.assertGreater(np.median(self.fit(sets.replace(*wrong), [])["chi2"]), 10)

    # --- what is known beforehand

    def test_a_prior_of_the_thickness(self):
        tilts = self.random.uniform(-2, 2, (6, 2))
        intensity, hkl = self.patterns(tilts)
        self.write("a.h5", tilts, self.random.poisson(1e4 * intensity), hkl)
        data, name = "{file: a.h5, truth: truth, dose: 1.0e+4}", "thickness_A.1"
        free = "thickness_A: [{layer: 1, range: [100, 135]}]"
        known = free.replace("]}]", "], prior: {mean: 117, sigma: 0.4}}]")
        fixed_scale = "scale: fixed"
        alone, found = self.fit(data, [free, fixed_scale]), self.fit(data, [known, fixed_scale])

        def by_counting(found):  # the error without what the discretisation adds
            moves = (found["convergence"][..., 2] ** 2).mean(axis=1).sum()
            return np.sqrt(found[f"errors/{name}"] ** 2 - moves)

        value, sigma = alone[f"parameters/{name}"], by_counting(alone)
        weight = 1 / (1 + (sigma / 0.4) ** 2)
        # two measurements of one quantity, to the curvature of the model
        mean, error = value * weight + 117 * (1 - weight), np.sqrt(weight) * sigma
        self.assertGreater(np.median(sigma), 0.2)
        np.testing.assert_allclose(by_counting(found), error, rtol=0.1)
        self.assertLess(np.abs((found[f"parameters/{name}"] - mean) / error).max(), 0.3)
        self.assertRegex(found["said"], r"prior: thickness_A.1 117 ± 0.4 Å; with the data ± [\d.]+ \(median\), "
                                        r"[\d.]+ prior sigmas from it \(rms\)\n")
        # one value for the scan: the prior counts once, whatever the number of positions
        shared = self.fit(data, [known.replace("prior:", "per: scan, prior:"), fixed_scale])
        without = self.fit(data, [free.replace("]}]", "], per: scan}]"), fixed_scale])
        a, b = without[f"errors/{name}"][0], shared[f"errors/{name}"][0]
        self.assertLess(abs(b / (1 / np.sqrt(1 / a**2 + 1 / 0.16)) - 1), 0.1)
        self.assertRegex(shared["said"], r"thickness_A.1 = [\d.]+ ± [\d.]+ Å for the scan \(prior 117 ± 0.4\)")
        # and one that the data contradict is seen
        wrong = self.fit(data, [known.replace("117", "101"), fixed_scale])
        self.assertIn("data and prior contradict each other", wrong["said"])
        said = self.fit(data, [known.replace("117", "90")], status=2)
        self.assertIn("the prior of thickness_A.1 has the mean 90, outside its range of 100 to 135", said)

    def test_a_level_for_every_ring(self):
        tilts = self.random.uniform(-2, 2, (4, 2))
        intensity, hkl = self.patterns(tilts)
        ring = np.unique((hkl ** 2).sum(axis=1), return_inverse=True)[1]
        levels = 200 * np.exp(-np.arange(ring.max() + 1) / 2)
        self.write("a.h5", tilts, self.random.poisson(1e6 * intensity + levels[ring]), hkl)
        found = self.fit("{file: a.h5, dose: 1.0e+6}", ["background: {range: [0, 400], per_ring: true}"])
        self.check_tilts(found, tilts)
        self.assertLess(np.median(found["chi2"]), 2)
        for i, level in enumerate(levels[1:], 2):  # of the first, one disk, nothing is known
            error = found[f"parameters/background.ring{i}"] - level
            self.assertLess(np.abs(error / found[f"errors/background.ring{i}"]).max(), 5)
        constant = self.fit("{file: a.h5, dose: 1.0e+6}", ["background: {range: [0, 400]}"])
        self.assertGreater(np.median(constant["chi2"]), 2 * np.median(found["chi2"]))

    # --- pixels

    def write_disks(self, tilts, dose, shape=None, wrong=0):
        """Counts of whole patterns, at positions of this shape, of pixels that are wrong by a relative error."""
        shape, images = shape or (len(tilts),), []
        for x, y in tilts:
            (self.folder / "c.yaml").write_text(CBED.replace("TILT", f"{x:.6f}, {y:.6f}"))
            done = command.run("run", "c.yaml", "--quiet", cwd=self.folder)
            self.assertEqual(done.returncode, 0, done.stderr)
            with h5py.File(self.folder / "c.h5") as file:
                images.append(file["pendel/cbed/data"][0])
        images = dose * np.array(images)
        images *= np.maximum(1 + wrong * self.random.normal(size=images.shape), 0)
        axis = (np.arange(SIDE) - SIDE // 2) * PIXEL
        with h5py.File(self.folder / "d.h5", "w") as file:
            file["cube/data"] = self.random.poisson(images).reshape(*shape, SIDE, SIDE)
            for i, values in enumerate((*map(np.arange, shape), axis, axis)):
                file[f"cube/dim{i}"] = values
                file[f"cube/dim{i}"].attrs["units"] = "mrad" if i >= len(shape) else ""
            for number, letter in enumerate("xy"):
                file[f"truth/beam_tilt_mrad.{letter}"] = tilts[:, number].reshape(shape)

    def test_pixels_of_disks(self):
        tilts = self.random.uniform(-2, 2, (3, 2))
        self.write_disks(tilts, 3e4)
        pixels = ("{file: d.h5, intensity: cube, truth: truth, dose: 3.0e+4, semiangle_mrad: 1.8, "
                  "pixels: {g_max_invA: 0.6, rotation_deg: 7, tolerance: 0.003}}")
        found = self.fit(pixels, ["scale: {range: [0.8, 1.25]}"])
        self.check_tilts(found, tilts)
        self.assertIn("directions in the aperture", found["said"])
        self.assertLess(abs(np.median(found["chi2"]) - 1), 0.15)
        self.assertEqual(found["pixel"].shape, (found["hkl"].shape[0], 2))
        self.assertGreater(len(found["hkl"]), 300)
        turned = self.fit(pixels.replace("rotation_deg: 7", "rotation_deg: -7"),
                          ["scale: {range: [0.8, 1.25]}"])
        self.assertGreater(np.median(turned["chi2"]), 1.3 * np.median(found["chi2"]))

    def test_pixels_that_start_from_neighbours(self):
        tilts = np.array([[1.0, -0.4], [1.1, -0.3], [1.2, -0.2], [-1.6, 1.3]])  # the last one is alone
        self.write_disks(tilts, 3e4, shape=(1, 4))
        pixels = ("{file: d.h5, intensity: cube, truth: truth, dose: 3.0e+4, semiangle_mrad: 1.8, "
                  "pixels: {g_max_invA: 0.6, rotation_deg: 7, tolerance: 0.003}}")
        lines = ["scale: {range: [0.8, 1.25]}", "checks: {bootstrap_positions: 0}"]
        alone = self.fit(pixels, lines)
        with_method = command.FIT.replace("search: {", "search: {method: neighbours, ")
        self.assertNotEqual(with_method, command.FIT)
        from_neighbours = self.fit(pixels, lines, template=with_method)
        self.assertIn("search: neighbours", from_neighbours["said"])
        for letter in "xy":
            values = from_neighbours[f"parameters/beam_tilt_mrad.{letter}"]
            self.assertEqual(values.shape, (1, 4))
            np.testing.assert_allclose(values, alone[f"parameters/beam_tilt_mrad.{letter}"], atol=1e-3)
        self.check_tilts(from_neighbours, tilts)

    # --- noise

    def test_detector_noise(self):
        tilts = self.random.uniform(-2, 2, (8, 2))
        intensity, hkl = self.patterns(tilts)
        counts = 12.0 * self.random.poisson(2e4 * intensity) + self.random.normal(0, 40, intensity.shape)
        self.write("a.h5", tilts, counts, hkl)
        found = self.fit("{file: a.h5, dose: 2.4e+5}", ["noise: {kind: detector, gain: 12, read_noise: 40}"])
        self.check_tilts(found, tilts)
        self.assertLess(abs(np.mean(found["chi2"]) - 1), 0.2)
        self.assertGreaterEqual(found["sigma"].min(), 40)
        self.assertIn("counts (fit.noise: poisson) are at least 0",
                      self.fit("{file: a.h5, dose: 2.4e+5}", ["noise: poisson"], status=3))

    def test_wrong_disks_are_let_go(self):
        tilts = self.random.uniform(-2, 2, (8, 2))
        intensity, hkl = self.patterns(tilts)
        counts = self.random.poisson(1e6 * intensity).astype(float)
        counts[:, 3] *= 3
        counts[:, 10] += 2e4
        self.write("a.h5", tilts, counts, hkl)
        worst = {}
        for loss in "squares", "huber", "cauchy":
            found = self.fit("{file: a.h5, dose: 1.0e+6}", [f"noise: {{loss: {loss}}}"])
            worst[loss] = max(np.abs(found[f"parameters/beam_tilt_mrad.{letter}"] - tilts[:, axis]).max()
                              for axis, letter in enumerate("xy"))
            if loss == "cauchy":
                self.check_tilts(found, tilts)
        self.assertLess(worst["huber"], worst["squares"] / 2)
        self.assertLess(worst["cauchy"], worst["squares"] / 10)

    def test_the_error_of_the_model_is_found(self):
        tilts = self.random.uniform(-2, 2, (12, 2))
        intensity, hkl = self.patterns(tilts)
        wrong = intensity * (1 + 0.06 * self.random.normal(size=intensity.shape))
        self.write("a.h5", tilts, self.random.poisson(1e7 * wrong), hkl)
        found = self.fit("{file: a.h5, dose: 1.0e+7}", ["noise: {estimate_model_error: true}"])
        # 12 positions of some 18 degrees of freedom
        self.assertLess(abs(found["model_error"] / 0.06 - 1), 0.25)
        self.check_tilts(found, tilts)
        self.assertLess(abs(np.median(found["chi2"]) - 1), 0.1)
        self.assertIn("model error: ", found["said"])

    def test_the_error_of_the_model_is_found_in_pixels(self):
        tilts = self.random.uniform(-2, 2, (3, 2))
        self.write_disks(tilts, 1e5, wrong=0.2)
        found = self.fit("{file: d.h5, intensity: cube, truth: truth, dose: 1.0e+5, semiangle_mrad: 1.8, "
                         "pixels: {g_max_invA: 0.6, rotation_deg: 7, tolerance: 0.003}}",
                         ["scale: {range: [0.8, 1.25]}", "checks: {bootstrap_positions: 0}",
                          "noise: {estimate_model_error: true}"])
        # some 300 pixels each; at the disks' edges the template adds a little of its own
        self.assertLess(abs(found["model_error"] / 0.2 - 1), 0.15)
        self.check_tilts(found, tilts)
        self.assertLess(abs(np.median(found["chi2"]) - 1), 0.1)

    # --- wrong input

    def test_what_is_refused(self):
        tilts = np.zeros((1, 2))
        intensity, hkl = self.patterns(tilts)
        self.write("a.h5", tilts, self.random.poisson(1e5 * intensity), hkl)
        self.write("b.h5", np.zeros((2, 2)), np.repeat(1e5 * intensity, 2, 0), hkl)
        with h5py.File(self.folder / "d.h5", "w") as file:
            file["cube"] = np.ones((1, 20, 20))
            file["dark"] = np.zeros((5, 5))
        one = "{file: a.h5, dose: 1.0e+5}"
        cube = "{file: d.h5, intensity: cube, semiangle_mrad: 1.8, pixels: {g_max_invA: 0.3KEYS}}"
        with_pixels = lambda keys: cube.replace("KEYS", keys)
        known = ", pixel_mrad: 0.5, centre_px: [10, 10]"
        for data, lines, status, pattern in (
                (one, ["noise: poison"], 2, "fit.noise.kind: is 'poison'; .* did you mean poisson"),
                (one, ["noise: {kind: detector}"], 2, "detector needs read_noise"),
                (one, ["noise: {gain: 2}"], 2, "fit.noise.gain: has no effect without kind: detector"),
                (one, ["noise: {width: 2}"], 2, "has no effect without loss"),
                (one, ["noise: {loss: huber, width: -1}"], 2, "fit.noise.width: is '?-1'?; allowed: .*above 0"),
                (one, ["noise: {model_error: 7}"], 2, "fit.noise.model_error: .*0 to 1"),
                (one, ["noise: {model_error: 0.1, estimate_model_error: true}"], 2, "remove one of the two"),
                (one, ["noise: gaussian"], 2, "gaussian noise needs data.variance"),
                ("[]", [], 2, "data: is empty"),
                ("{file: a.h5, thickness_offset_A: [1, 2]}", [], 2, "has 2 elements; needed: 1, one for every"),
                ("[{file: a.h5}, {file: b.h5}]", [], 3, r"b.h5: intensity: has positions of shape \(2\)"),
                (with_pixels(""), [], 2, "pixel_mrad is needed: .*is no axis in mrad or 1/Å"),
                (with_pixels(known).replace(", semiangle_mrad: 1.8", ""), [], 2, "disks have a size"),
                (with_pixels(", pixel_mrad: 0.5, centre_px: [100, 10]"), [], 3, "is not on the detector"),
                (with_pixels(known + ", probe: {file: d.h5, image: dark}"), [], 3, "is dark everywhere"),
                (with_pixels(known + ", most_directions: 6, tolerance: 1.0e-6"), [], 4, "most_directions = 6"),
                (with_pixels(known).replace("cube,", "dark,"), [], 3, "needed with data.pixels")):
            self.assertRegex(self.fit(data, lines, status), pattern)


if __name__ == "__main__":
    unittest.main()
