"""Study `plan`: predicted errors, ambiguity, bias, resuming and bad input."""
import pathlib
import signal
import subprocess
import tempfile
import time
import unittest

import command
import h5py
import numpy as np

PLAN = f"""\
study: plan
crystals: {{STO: {{cif: {command.CIF}/SrTiO3.cif}}}}
specimen:
  beam_direction: [0, 0, 1]
  layers: [{{crystal: STO, cells: 30}}]
beam: {{energy_keV: 300}}
engine: {{g_max_invA: 2.5, slice_A: 4}}
fit:
  beam_tilt_mrad: {{range: [-4, 4]}}
  search: {{samples: 400, starts: 4}}
plan:
  doses: [1.0e+4, 1.0e+6]
  g_max_invA: [0.5, 0.8]
"""


class Plan(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.folder = pathlib.Path(place.name)

    def run_plan(self, extra="", *settings, name="plan.h5"):
        (self.folder / "study.yaml").write_text(PLAN + extra)
        arguments = [part for setting in settings for part in ("--set", setting)]
        return command.run("run", "study.yaml", "--output", name, *arguments, cwd=self.folder)

    def result(self, *arguments, **options):
        done = self.run_plan(*arguments, **options)
        self.assertEqual(done.returncode, 0, done.stderr)
        file = h5py.File(self.folder / options.get("name", "plan.h5"))
        self.addCleanup(file.close)
        return file["pendel"], done.stdout

    def test_errors_are_the_scatter_of_noisy_fits(self):
        # one state measured 400 times by every kind of detector
        (self.folder / "scan.yaml").write_text(command.PATTERN.replace("TILTS", "[[1.5, -0.7]]"))
        made = command.run("run", "scan.yaml", "--output", "pattern.h5", cwd=self.folder)
        self.assertEqual(made.returncode, 0, made.stderr)
        random = np.random.default_rng(5)
        with h5py.File(self.folder / "pattern.h5") as file:
            mean = 1e6 * file["pendel/intensity/data"][0, 0]
            hkl = file["pendel/hkl/data"][()]
        shape = 400, len(mean)
        cases = {  # noise: (data, data units per electron, keys of the plan and of the data)
            "poisson": (random.poisson(mean, shape), 1, [], ""),
            "{kind: detector, gain: 3, read_noise: 900}":
                (3 * random.poisson(mean, shape) + random.normal(0, 900, shape), 3, [], ""),
            "{kind: gaussian, model_error: 0.02}":
                (mean + random.normal(0, np.sqrt(9e4 + (0.02 * mean)**2), shape), 1, ["plan.variance=9e4"],
                 ", variance: variance")}
        predicted = {}
        for noise, (data, gain, of_plan, of_data) in cases.items():
            plan, _ = self.result("  tilts_mrad: [[1.5, -0.7]]\n", "plan.doses=[1.0e+6]", "plan.g_max_invA=[0.8]",
                                  f"fit.noise={noise}", *of_plan)
            with h5py.File(self.folder / "scan.h5", "w") as scan:
                scan["intensity"], scan["hkl"] = data.astype(float), hkl
                scan["variance"] = np.full(shape, 9e4)
            (self.folder / "fit.yaml").write_text(
                command.FIT.replace(", truth: truth", of_data).replace("scan.h5", f"scan.h5, dose: {gain * 1e6}") +
                f"  noise: {noise}\n")
            done = command.run("run", "fit.yaml", "--output", "fit.h5", cwd=self.folder)
            self.assertEqual(done.returncode, 0, done.stderr)
            predicted[noise] = plan["errors/beam_tilt_mrad.x/data"][()].item()
            with h5py.File(self.folder / "fit.h5") as fit:
                for axis in "xy":
                    fitted = fit[f"pendel/parameters/beam_tilt_mrad.{axis}/data"][()]
                    expected = plan[f"errors/beam_tilt_mrad.{axis}/data"][()].item()
                    # 400 fits give a scatter to 3.5 %
                    command.record("Fits", "study plan: scatter of 400 noisy fits over the predicted error",
                                   "noise " + noise.strip("{}"), fitted.std() / expected, 0.9, 1.1)
            plan.file.close()
        counts, *others = predicted.values()
        for other in others:  # read noise and the model's error matter here
            self.assertGreater(other, 1.3 * counts)

    def test_axes_dose_and_disks(self):
        plan, text = self.result("  tilt_line: {from_mrad: [0.5, 0], to_mrad: [3, 0], points: 3}\n"
                                 "  thicknesses_A: [80, 120]\n  states: 1\n")
        errors = plan["errors/beam_tilt_mrad.x/data"][()]
        self.assertEqual(errors.shape, (2, 3, 1, 2, 2))
        # errors fall with the square root of the dose, and with more disks
        np.testing.assert_allclose(errors[..., 0, :] / errors[..., 1, :], 10, rtol=1e-6)
        self.assertTrue((errors[..., 1] < errors[..., 0]).all())
        self.assertEqual(plan["errors/beam_tilt_mrad.x/dim0"].attrs["units"], "Å")
        self.assertIn("median error beam_tilt_mrad.x", text)
        np.testing.assert_allclose(plan["truth/beam_tilt_mrad.x/data"][0, :, 0], [0.5, 1.75, 3])

    def test_bias_of_a_neglected_effect(self):
        # at a tilt along x, the mirror y -> -y stays: neglecting absorption cannot tilt along y, but
        # for the highest frequency of the grid, which has no mirror image on it
        plan, text = self.result("  tilts_mrad: [[2, 0]]\n  ambiguity: false\n  bias:\n"
                                 "    absorption: [engine.absorption=proportional]\n"
                                 "    thickness: [specimen.layers.0.cells=32]\n",
                                 "plan.thicknesses_A=[]", "plan.g_max_invA=[0.8]")
        bias = plan["bias_absorption/beam_tilt_mrad.x/data"][()].item()
        self.assertGreater(abs(bias), 1e-3)
        self.assertLess(abs(plan["bias_absorption/beam_tilt_mrad.y/data"][()].item()),
                        0.02 * abs(bias))
        self.assertGreater(abs(plan["bias_thickness/beam_tilt_mrad.x/data"][()].item()), 1e-3)
        self.assertIn("neglecting absorption moves", text)
        self.assertNotIn("separation", plan)

    def test_resumed_run_is_identical(self):
        extra = "  tilt_grid: {half_width_mrad: 3, points: 12}\n"
        whole, _ = self.result(extra, name="whole.h5")
        process = subprocess.Popen([command.PENDEL, "run", "study.yaml", "--output", "cut.h5"],
                                   cwd=self.folder, stdout=subprocess.DEVNULL)
        partial = self.folder / "cut.h5.partial"
        while not partial.exists() or partial.stat().st_size < 3000:
            time.sleep(0.01)
            if process.poll() is not None:
                break
        process.send_signal(signal.SIGKILL)
        process.wait()
        if not (self.folder / "cut.h5").exists():
            done = command.run("run", "study.yaml", "--output", "cut.h5", "--resume",
                               "--threads", "1", cwd=self.folder)
            self.assertEqual(done.returncode, 0, done.stderr)
        self.assertFalse(partial.exists())
        with h5py.File(self.folder / "cut.h5") as cut:
            for name in ("errors/beam_tilt_mrad.x", "separation", "confusable/beam_tilt_mrad.y"):
                np.testing.assert_array_equal(cut[f"pendel/{name}/data"][()],
                                              whole[f"{name}/data"][()])

    def test_bad_input(self):
        cases = [
            ("", ["plan.g_max_invA=[3]"], "beams up to 2.5"),
            ("", ["plan.thickness_layer=2"], "allowed: 1 to 1"),
            ("  tilts_mrad: [[6, 0]]\n", [], "is not in the range that is fitted"),
            ("", ["fit.noise=gaussian"], "needs plan.variance"),
            ("  variance: 4\n", [], "has no effect without fit.noise: gaussian"),
            ("", ["fit.noise={loss: huber}"], "errors of least squares"),
            ("", ["fit.noise={estimate_model_error: true}"], "no data to estimate from"),
            ("  background: 4\n", [], "fit.background allows 0 to 0"),
            ("  bias: {wrong: [engine.absorbtion=none]}\n", [], "did you mean absorption"),
            ("  bias: {wrong: []}\n", [], "changes nothing"),
            ("", ["fit.scale.range=[1.1, 2]"], "does not hold 1"),
        ]
        for extra, settings, message in cases:
            with self.subTest(message=message):
                done = self.run_plan(extra, *settings)
                self.assertEqual(done.returncode, 2)
                self.assertIn(message, done.stderr)


if __name__ == "__main__":
    unittest.main()
