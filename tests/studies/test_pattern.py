"""Study `pattern` beyond spots: precession, convergent-beam images, rings, resuming."""
import pathlib
import signal
import subprocess
import tempfile
import time
import unittest

import command
import h5py
import numpy as np

STUDY = f"""\
study: pattern
crystals: {{Si: {{cif: {command.CIF}/Si.cif}}}}
specimen: {{beam_direction: [1, 1, 0], x_axis: [1, -1, 0], layers: [{{crystal: Si, thickness_A: 200}}]}}
beam: {{energy_keV: 200, semiangle_mrad: 3}}
engine: {{kind: bloch, g_max_invA: 1.2}}
pattern:
  g_max_invA: 0.8
  certificate_tilts: 0
"""


class Pattern(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.folder = pathlib.Path(place.name)

    def result(self, extra, *settings, name="out.h5"):
        """The open result of STUDY with more lines under `pattern`."""
        (self.folder / "study.yaml").write_text(STUDY + extra)
        arguments = [part for setting in settings for part in ("--set", setting)]
        done = command.run("run", "study.yaml", "--output", name, *arguments, cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        file = h5py.File(self.folder / name)
        self.addCleanup(file.close)
        return file["pendel"], done.stdout

    def data(self, extra, *settings, of="intensity", **options):
        return self.result(extra, *settings, **options)[0][of + "/data"][()]

    def test_precession_is_the_mean_over_a_cone(self):
        angles = 2 * np.pi * np.arange(60) / 60
        tilts = [[20 * np.cos(a), 20 * np.sin(a)] for a in angles]
        plane = "beam.semiangle_mrad=0"
        precessed = self.data("  precession_mrad: 20\n", plane)
        series = self.data(f"  tilts_mrad: {tilts}\n", plane)
        listed, _ = self.result("  precession_mrad: 20\n", plane, name="cone.h5")
        still, _ = self.result("", plane, name="still.h5")  # fewer beams come near the sphere
        places = {tuple(hkl): i for i, hkl in enumerate(listed["hkl/data"][()])}
        common = [places[tuple(hkl)] for hkl in still["hkl/data"][()]]
        # both sums over the azimuth converge exponentially; 60 directions are beyond that
        np.testing.assert_allclose(precessed, series.mean(axis=0), atol=1e-9)
        self.assertGreater(np.abs(precessed[0, common] - still["intensity/data"][0]).max(), 0.05)

    def test_disks_of_an_image_hold_the_disk_intensities(self):
        extra = ("  cbed:\n    detector: {rows: 240, columns: 240, pixel_mrad: 0.2}\n"
                 "    coherent: false\n")
        result, text = self.result(extra)
        image = result["cbed/data"][0]
        self.assertIn("incoherent overlap", text)
        intensity, g = result["intensity/data"][0], result["g/data"][()]
        wavelength = 0.02507934
        centre = np.array([120, 120]) + g[:, :2] * wavelength * 1e3 / 0.2
        rows, columns = np.mgrid[:240, :240]
        for beam in np.argsort(-intensity)[:5]:
            bright = centre[intensity > 1e-5]
            distances = np.hypot(*(bright - centre[beam]).T)
            self.assertGreater(np.sort(distances)[1], 30)  # two radii: no overlap
            inside = np.hypot(columns - centre[beam, 0], rows - centre[beam, 1]) < 16.5
            # the rim of a disk lies on pixels: 1 % of the disk
            self.assertAlmostEqual(image[inside].sum() / intensity[beam], 1, delta=0.01)
        coherent = self.data(extra.replace("false", "true"), of="cbed")[0]
        np.testing.assert_allclose(coherent.sum(), image.sum(), rtol=5e-3)

    def test_a_large_source_adds_intensities(self):
        extra = ("  cbed:\n    detector: {rows: 64, columns: 64, pixel_mrad: 0.8}\n"
                 "    probe: {aberrations: [{name: C10, value_A: 300}]}\n")
        wide = "beam.semiangle_mrad=8"  # (111) is 8 mrad away
        point, small, large, added = (self.data(extra, wide, *more, of="cbed", name=f"{i}.h5")[0]
            for i, more in enumerate([[], ["pattern.cbed.probe.source_size_A=0.8"],
                                      ["pattern.cbed.probe.source_size_A=30"],
                                      ["pattern.cbed.coherent=false"]]))
        spread = self.data(extra, wide, "pattern.cbed.probe.focal_spread_A=100", of="cbed")[0]
        change = [np.abs(image - added).sum() / added.sum()
                  for image in (point, small, large)]
        self.assertGreater(change[0], 0.1)
        self.assertLess(change[1], 0.8 * change[0])
        self.assertGreater(change[1], 0.2 * change[0])
        self.assertLess(change[2], 0.02)  # another net of plane waves at the rims
        self.assertGreater(np.abs(spread - point).sum() / point.sum(), 0.02)
        for image in (small, large, spread):
            # but for what interference moves to beams beyond 0.8 1/Å
            self.assertAlmostEqual(image.sum() / point.sum(), 1, delta=0.02)

    def test_beams_asked_for(self):
        plane = "beam.semiangle_mrad=0"
        all_beams, _ = self.result("", plane)
        some, text = self.result("  beams: [[2, -2, 0], [0, 0, 0], [1, -1, 1]]\n", plane,
                                 name="some.h5")
        self.assertIn("3 beams", text)
        hkl = [tuple(row) for row in all_beams["hkl/data"][()]]
        self.assertEqual([tuple(row) for row in some["hkl/data"][()]],
                         [(2, -2, 0), (0, 0, 0), (1, -1, 1)])
        for number, beam in enumerate([(2, -2, 0), (0, 0, 0), (1, -1, 1)]):
            np.testing.assert_allclose(some["intensity/data"][0, number],
                                       all_beams["intensity/data"][0, hkl.index(beam)], rtol=1e-9)

    def test_beams_follow_the_tilt(self):
        extra = "  beams: [[0, 0, 0]]\n  tilt_line: {from_mrad: [-80, 0], to_mrad: [80, 9], points: 33}\n"
        settings = ["beam.semiangle_mrad=0", "engine.sg_max_invA=0.04"]
        result, text = self.result(extra, *settings)
        self.assertRegex(text, r"bloch: \d+ tiles of directions")
        # the same directions, one by one, each with the beams of its own
        for tilt in (0, 16, 32):
            x, y = result["beam_tilt/data"][tilt]
            alone = self.data("  beams: [[0, 0, 0]]\n", *settings, f"beam.tilt_mrad=[{x}, {y}]",
                              name="alone.h5")
            self.assertAlmostEqual(alone[0, 0], result["intensity/data"][tilt, 0, 0], delta=0.01)

    def test_counts_have_a_seed(self):
        extra = ("  cbed:\n    detector: {rows: 64, columns: 64, pixel_mrad: 0.8, dose: 1.0e+5, seed: "
                 "SEED}\n")
        first, again, other = (self.data(extra.replace("SEED", s), of="cbed") for s in "112")
        self.assertTrue(np.array_equal(first, again))
        self.assertFalse(np.array_equal(first, other))
        self.assertAlmostEqual(first.sum() / 1e5, 0.98, delta=0.03)

    def test_rings_and_spots_say_what_is_forbidden(self):
        result, _ = self.result("  rings: {g_max_invA: 0.8}\n  spots: {}\n")
        rings = result["rings/Si"]
        hkl = [tuple(sorted(abs(i) for i in row)) for row in rings["hkl/data"][()]]
        listed = dict(zip(hkl, zip(rings["multiplicity/data"][()], rings["forbidden/data"][()])))
        self.assertEqual(listed[(1, 1, 1)], (8, 0))
        self.assertEqual(listed[(0, 2, 2)], (12, 0))
        self.assertEqual(listed[(0, 0, 2)][1], 1)
        spots = result["spots/Si"]
        forbidden = spots["forbidden/data"][()] == 1
        sums = np.abs(spots["hkl/data"][()][forbidden]).sum(axis=1)
        self.assertIn(2, sums)  # (0, 0, ±2)
        self.assertLess(spots["intensity/data"][()][forbidden].max(), 1e-8)

    def test_scattering_matrix_is_unitary_and_holds_the_pattern(self):
        for number, engine in enumerate([[], ["engine.zones=sliced"]]):
            result, _ = self.result("  scattering_matrix: true\n", "beam.semiangle_mrad=0", *engine,
                                    name=f"out{number}.h5")
            matrix = (result["scattering_matrix/real/data"][0]
                      + 1j * result["scattering_matrix/imaginary/data"][0])
            np.testing.assert_allclose(matrix @ matrix.conj().T, np.eye(len(matrix)), atol=1e-10)
            hkl = [tuple(row) for row in result["scattering_matrix/hkl/data"][()]]
            column = matrix[:, hkl.index((0, 0, 0))]
            for row, intensity in zip(result["hkl/data"][()], result["intensity/data"][0]):
                self.assertAlmostEqual(abs(column[hkl.index(tuple(row))])**2, intensity, places=10)

    def test_certificate_is_kept_and_printed(self):
        result, text = self.result("", "pattern.certificate_tilts=1")
        self.assertIn("g_max_invA 1.2 -> 1.5 would change", text)
        kept = result["metadatabundle/certificate"]
        self.assertGreater(kept["largest_change_1"][()], 1e-4)
        result, text = self.result("", "pattern.certificate_tilts=1", "engine.zones=sliced",
                                   "engine.slice_A=1", name="sliced.h5")
        self.assertIn("higher-order zones by slices of 1 Å", text)
        self.assertRegex(text, "slice_A 1 -> 0.5 would change an intensity by [0-9.]+e-0[3-6]")

    def test_killed_series_goes_on(self):
        extra = "  tilt_grid: {half_width_mrad: 10, points: 66}\n"
        settings = ["engine.g_max_invA=2.2", "beam.semiangle_mrad=1"]
        whole = self.data(extra, *settings, name="whole.h5")
        arguments = [part for s in settings for part in ("--set", s)]
        line = [command.PENDEL, "run", "study.yaml", "--output", "cut.h5", *arguments]
        process = subprocess.Popen(line, cwd=self.folder, stdout=subprocess.DEVNULL)
        partial = self.folder / "cut.h5.partial"
        for _ in range(3000):
            if partial.exists() and partial.stat().st_size > 200 or process.poll() is not None:
                break
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        self.assertTrue(partial.exists(), "the run was over before it could be killed")
        done = command.run(*line[1:], "--resume", cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        with h5py.File(self.folder / "cut.h5") as file:
            self.assertTrue(np.array_equal(file["pendel/intensity/data"][()], whole))
        self.assertFalse(partial.exists())

    def test_wrong_wishes(self):
        for extra, settings, message in [
                ("  cbed: {detector: {rows: 8, columns: 8, pixel_mrad: 1}}\n", ["beam.semiangle_mrad=0"],
                 "semiangle_mrad: .*convergent"),
                ("  cbed:\n    detector: {rows: 8, columns: 8, pixel_mrad: 1}\n"
                 "    probe: {aberrations: [{name: C31, value_A: 1}]}\n", [], r"study.yaml:\d+:\d+: .*C31"),
                ("  cbed:\n    detector: {rows: 8, columns: 8, pixel_mrad: 1}\n    coherent: false\n"
                 "    probe: {focal_spread_A: 9}\n", [], "focal_spread_A act where disks interfere"),
                ("  beams: []\n", [], r"study.yaml:\d+:\d+: .*beams: is empty"),
                ("  beams: [[1, 1, 1], [1, 1, 1]]\n", [], "beams.0: is given twice"),
                ("  scattering_matrix: true\n", ["engine.kind=splitstep"], "scattering_matrix.*bloch"),
                ("", ["engine.kind=splitstep", "engine.zones=sliced"], "zones: sliced.*engine bloch"),
                ("", ["engine.zones=sliced", "engine.weak_g_max_invA=2"], "slices.*weak beams"),
                ("", ["engine.zones=mean", "engine.zero_order_only=true"], "zones: mean.*one of them"),
                ("", ["engine.tolerance=1.0e-8"], "tolerance: with .* beams")]:
            (self.folder / "study.yaml").write_text(STUDY + extra)
            arguments = [part for s in settings for part in ("--set", s)]
            done = command.run("run", "study.yaml", *arguments, cwd=self.folder)
            self.assertIn(done.returncode, (2, 4), done.stderr)
            self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
            self.assertRegex(done.stderr, message)


if __name__ == "__main__":
    unittest.main()
