"""The Python package: arrays in and out of the library, with its errors."""
import contextlib
import io
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import warnings

import numpy as np
import pendel

DATA = pathlib.Path(os.environ["PENDEL_SOURCE_DIR"]) / "data"
warnings.simplefilter("ignore")


def crystal(name):
    return pendel.Crystal.from_cif(DATA / "cif" / f"{name}.cif")


class Crystals(unittest.TestCase):
    def test_arrays_and_a_file_are_the_same(self):
        """Through arrays, PbTiO3 (no centre of symmetry) keeps its structure factors and their phases."""
        read = crystal("PbTiO3")
        made = pendel.Crystal(read.cell, read.elements, read.positions, occupancies=read.occupancies, B_A2=read.B_A2)
        hkl = read.reflections(1.0)
        self.assertEqual(hkl[0].tolist(), [0, 0, 0])
        np.testing.assert_allclose(np.linalg.norm(read.g(hkl), axis=1).max(), 1, atol=0.05)
        for keywords in {}, {"scattering": "kirkland", "absorption": "weickenmeier-kohl"}:
            (U, loss), (V, other) = (c.structure_factors(hkl, 200, **keywords) for c in (read, made))
            np.testing.assert_allclose(U, V, atol=1e-12)
            np.testing.assert_allclose(loss, other, atol=1e-12)
            self.assertEqual(abs(loss).max() > 0, bool(keywords))
        self.assertGreater(abs(U.imag).max(), 1e-3)  # polar
        np.testing.assert_allclose(made.structure_factors(-hkl, 200, scattering="kirkland")[0], U.conj(), atol=1e-12)
        self.assertEqual(read.point_group, "4mm")
        self.assertEqual(crystal("Au").point_group, "m-3m")

    def test_files(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "out.cif"
            crystal("GaAs").to_cif(path)
            np.testing.assert_allclose(pendel.Crystal.from_cif(path).positions, crystal("GaAs").positions)

    def test_what_is_wrong_is_said(self):
        with self.assertRaisesRegex(pendel.InputError, "nothing.cif"):
            pendel.Crystal.from_cif("nothing.cif")
        with self.assertRaisesRegex(pendel.StudyError, "2 elements for 1 positions"):
            pendel.Crystal((4, 4, 4, 90, 90, 90), ["Si", "O"], [[0, 0, 0]])
        with self.assertRaisesRegex(pendel.StudyError, "absorbtion.*did you mean absorption"):
            crystal("Si").structure_factors([[1, 1, 1]], 200, absorbtion="none")
        with self.assertRaisesRegex(pendel.StudyError, r"\(n, 3\)"):
            crystal("Si").structure_factors([1, 1], 200)


class Simulators(unittest.TestCase):
    TILTS = np.array([[0, 0], [3, -2], [5.5, 1]])

    def simulator(self, **keywords):
        return pendel.Simulator([(crystal("PbTiO3"), 60), (crystal("SrTiO3"), 39.05)], 200, zone_axis=[0, 0, 1],
                                x_axis=[1, 0, 0], **{"kind": "splitstep", "g_max_invA": 3, **keywords})

    def test_engines_agree(self):
        layers = [(crystal("PbTiO3"), 83.0)]
        common = dict(energy_keV=200, zone_axis=[1, 0, 0], x_axis=[0, 0, 1])
        bloch = pendel.Simulator(layers, kind="bloch", g_max_invA=3, sg_max_invA=5, zones="mean", **common)
        split = pendel.Simulator(layers, kind="splitstep", g_max_invA=4, slice_A=0.25, **common)
        hkl = bloch.hkl[:40]
        place = [np.flatnonzero((split.hkl == h).all(1))[0] for h in hkl]
        a, b = bloch.exit_waves(self.TILTS)[:, :40], split.exit_waves(self.TILTS)[:, place]
        self.assertEqual(a.shape, (3, 40))
        np.testing.assert_allclose(abs(bloch.exit_waves(self.TILTS)) ** 2 @ np.ones(len(bloch.hkl)), 1, atol=1e-9)
        np.testing.assert_allclose(a, b, atol=6e-4)  # the one has beams beyond 3 1/Å, the other not
        self.assertGreater(abs(a - a.conj()).max(), 0.1)

    def test_derivatives(self):
        simulator = self.simulator()
        mode = np.zeros((len(crystal("PbTiO3").elements), 3))
        mode[0, 2], mode[1, 0] = 0.1, -0.05
        parameters = [simulator.tilt("x"), simulator.tilt("y"), simulator.thickness(1),
                      simulator.displacement(mode, "mode"), simulator.debye_waller("Ti", crystal=1)]
        self.assertEqual([p.unit for p in parameters][:3], ["mrad", "mrad", "A"])
        psi, dpsi = simulator.exit_waves(self.TILTS, parameters)
        self.assertEqual(dpsi.shape, (5,) + psi.shape)
        step = 1e-4
        for axis in 0, 1:
            offset = np.eye(2)[axis] * step
            difference = (simulator.exit_waves(self.TILTS + offset) - simulator.exit_waves(self.TILTS - offset))
            np.testing.assert_allclose(dpsi[axis], difference / (2 * step), atol=1e-7)
        model = pendel.Model(simulator, simulator.hkl[:20], parameters[2:])
        x = np.array([p.nominal for p in parameters[2:]])
        I, J = model.jacobian(x)
        np.testing.assert_allclose(I, abs(psi[0, :20]) ** 2, atol=1e-12)
        np.testing.assert_allclose(J, 2 * (psi[0, :20].conj() * dpsi[2:, 0, :20]).real.T, atol=1e-12)
        for i in range(3):
            offset = np.eye(3)[i] * step
            np.testing.assert_allclose(J[:, i], (model(x + offset) - model(x - offset)) / (2 * step), atol=1e-6)

    def test_thicknesses(self):
        simulator = self.simulator()
        series = simulator.thickness_series([20.0, 39.05], self.TILTS, layer=1)
        np.testing.assert_allclose(series[1], simulator.exit_waves(self.TILTS), atol=1e-10)

    def test_threads_do_not_matter(self):
        waves = []
        for count in 1, 2:
            pendel.set_threads(count)
            waves.append(self.simulator().exit_waves(np.random.default_rng(1).normal(size=(50, 2))))
        np.testing.assert_array_equal(*waves)
        pendel.set_threads(0)

    def test_python_goes_on_meanwhile(self):
        """The GIL is free while the library works."""
        simulator = self.simulator()
        tilts = np.random.default_rng(2).normal(size=(2000, 2))
        counted, done = [0], threading.Event()
        worker = threading.Thread(target=lambda: (simulator.exit_waves(tilts), done.set()))
        worker.start()
        while not done.is_set():
            counted[0] += 1
            time.sleep(1e-4)
        worker.join()
        self.assertGreater(counted[0], 50)

    def test_what_is_wrong_is_said(self):
        with self.assertRaisesRegex(pendel.StudyError, "g_max_invA.*0.2 to 20"):
            self.simulator(g_max_invA=50)
        with self.assertRaisesRegex(pendel.StudyError, "orientation"):
            pendel.Simulator([(crystal("Si"), 10)], 200)
        with self.assertRaisesRegex(pendel.StudyError, r"tilts_mrad: an array of shape \(n, 2\)"):
            self.simulator().exit_waves([1, 2, 3])


class Fits(unittest.TestCase):
    def test_tilt_and_thickness_are_found(self):
        """From counts, with error bars that describe the scatter."""
        simulator = pendel.Simulator([(crystal("SrTiO3"), 150)], 300, zone_axis=[0, 0, 1], x_axis=[1, 0, 0],
                                     kind="splitstep", g_max_invA=3)
        hkl = [h for h in simulator.hkl if abs(h).max() <= 2]
        parameters = [simulator.tilt("x", -5, 5), simulator.tilt("y", -5, 5), simulator.thickness(0, 130, 170)]
        random = np.random.default_rng(3)
        truth = random.uniform([-4, -4, 135], [4, 4, 165], (40, 3))
        exact = pendel.Model(simulator, hkl, parameters)
        fast = pendel.Model(simulator, hkl, parameters, surrogate_tolerance=0.005)
        np.testing.assert_allclose(fast(truth), exact(truth), atol=2e-3)
        counts = random.poisson(1e5 * exact(truth)).astype(float)
        counts[3, 2] = np.nan  # a dead one
        found = fast.fit(counts, dose=1e5, scale=(1, 1))
        self.assertEqual(found["status"].tolist(), [0] * 40)
        z = (found["values"] - truth) / found["errors"]
        self.assertLess(np.sqrt(np.mean(z**2)), 1.3)
        self.assertGreater(np.sqrt(np.mean(z**2)), 0.75)
        self.assertLess(np.abs(found["reduced_chi2"] - 1).mean(), 0.5)
        self.assertEqual(found["covariance"].shape, (40, 5, 5))
        with self.assertRaisesRegex(pendel.StudyError, "has no range"):
            pendel.Model(simulator, hkl, [simulator.tilt("x")]).fit(counts)


class Measured(unittest.TestCase):
    def test_scan_of_a_file(self):
        scan = pendel.Scan(DATA / "scans/ped_3x2.blo")
        rows, columns, q_rows, q_columns = scan.shape
        self.assertEqual((rows * columns, len(scan)), (6, rows))
        every = scan.read(0, 6).reshape(scan.shape)
        np.testing.assert_array_equal(scan[1], every[1])
        np.testing.assert_array_equal(scan[-1, 0], every[-1, 0])
        ring = pendel.annulus((q_rows, q_columns), (70, 71), outer=40, inner=12.5)
        self.assertAlmostEqual(ring.sum(), np.pi * (40**2 - 12.5**2), delta=3)
        found = scan.virtual_images({"ring": ring, "all": np.ones((q_rows, q_columns))})
        np.testing.assert_allclose(found["ring"], (every * ring).sum((2, 3)), rtol=1e-6)
        np.testing.assert_allclose(found["mean"], every.mean((0, 1)), rtol=1e-6)
        x = (every * np.arange(q_columns)).sum((2, 3)) / every.sum((2, 3))
        np.testing.assert_allclose(found["centre_of_mass"][..., 0], x, rtol=1e-6)
        with self.assertRaises(IndexError):
            scan[rows]
        with self.assertRaisesRegex(pendel.StudyError, "weights of one"):
            scan.virtual_images({"one": np.ones((3, 3))})
        with self.assertRaises(pendel.InputError):
            pendel.Scan(__file__)

    def test_disks(self):
        """Places of known disks, to what their error bars say."""
        random = np.random.default_rng(5)
        y, x = np.mgrid[:128, :128]

        def shape(at):
            edge = 1 / (1 + np.exp(4 * (np.hypot(x - at[0], y - at[1]) - 7) / 1.5))
            return edge / edge.sum()

        basis = np.array([[24.3, -3.1], [2.2, 26.4]])  # columns g1, g2
        truth, patterns = [], []
        for _ in range(6):
            origin = np.array([64, 63]) + random.uniform(-0.5, 0.5, 2)
            at = np.array([origin + basis @ [h, k] for h in (-1, 0, 1) for k in (-1, 0, 1)])
            truth.append(at)
            patterns.append(random.poisson(0.3 + sum(n * shape(p) for p, n in zip(at, 300 + 2700 * random.random(9)))))
        probe = random.poisson(1e5 * shape((64.2, 63.7)))
        found = pendel.find_disks(np.reshape(patterns, (2, 3, 128, 128)), probe)
        found = [f[f[:, 2] > 100] for f in found]  # now and then background looks like a disk of 15 counts
        self.assertEqual([len(f) for f in found], [9] * 6)
        z = []
        for disks, at in zip(found, truth):
            nearest = np.linalg.norm(disks[:, None, :2] - at, axis=2).argmin(1)
            z.append((disks[:, :2] - at[nearest]) / disks[:, 3:])
            fit = pendel.fit_lattice(disks[:, :2] - [64, 63], errors=disks[:, 3:])
            self.assertEqual(fit["peaks"], 9)
            np.testing.assert_allclose(abs(np.linalg.det(fit["basis"])), abs(np.linalg.det(basis)), rtol=0.01)
        self.assertLess(abs(np.sqrt(np.mean(np.square(z))) - 1), 0.25)
        with_lattice = pendel.find_disks(patterns[0], probe, refinement={"lattice": True})[0]
        self.assertLess(with_lattice[:, 3].mean(), 0.9 * found[0][:, 3].mean())
        plain = pendel.find_disks(patterns[0], 7.0, refinement=None, detection={"max_number": 4})[0]
        self.assertEqual(plain.shape, (4, 5))
        self.assertTrue(np.isnan(plain[:, 3:]).all())
        with self.assertRaisesRegex(pendel.StudyError, "min_count.*did you mean min_counts"):
            pendel.find_disks(patterns[0], 7.0, detection={"min_count": 4})

    def test_strain(self):
        reference = np.array([[0.5, 0.02], [0.0, 0.45]])
        epsilon, angle = np.array([[0.05, 0.01], [0.01, -0.03]]), np.deg2rad(10)
        R = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        basis = np.linalg.inv(R @ (np.eye(2) + epsilon)).T @ reference
        found, rotation = pendel.strain(basis, reference)
        np.testing.assert_allclose(found, epsilon, atol=1e-12)
        self.assertAlmostEqual(rotation, angle, delta=1e-12)
        self.assertIsNone(pendel.fit_lattice([[0, 0], [1, 0]]))


class Studies(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)

    def test_run_and_load(self):
        study = self.folder / "study.yaml"
        study.write_text(pendel.new_study("images"))
        result = pendel.run(study, output=self.folder / "out.h5")
        self.assertEqual(result, str(self.folder / "out.h5"))
        self.assertEqual(type(pendel.load(result)).__name__, "ImagesResult")
        with self.assertRaisesRegex(pendel.StudyError, "study.yaml|--set"):
            pendel.run(study, scan__file="nothing", images__nothing=3)

    def test_interrupt(self):
        """Ctrl-C ends a run with KeyboardInterrupt; the process goes on."""
        program = """
import os, signal, sys, threading, time, pendel
study = sys.argv[1]
open(study, "w").write(pendel.new_study("plan"))
threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    for again in range(1000):
        pendel.run(study, output=study + ".h5")
except KeyboardInterrupt:
    print("stopped")
images = study + ".images.yaml"
open(images, "w").write(pendel.new_study("images"))
print(pendel.run(images, output=images + ".h5") == images + ".h5")
"""
        done = subprocess.run([sys.executable, "-c", program, str(self.folder / "study.yaml")], text=True,
                              capture_output=True, timeout=120)
        self.assertEqual(done.stdout.split(), ["stopped", "True"], done.stderr)


class Documentation(unittest.TestCase):
    def test_code_runs(self):
        text = (DATA.parent / "docs/python.md").read_text()
        code = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
        self.assertEqual(len(code), text.count("```") // 2)
        names, folder = {}, os.getcwd()
        os.chdir(DATA.parent)
        self.addCleanup(os.chdir, folder)
        with contextlib.redirect_stdout(io.StringIO()):
            exec("\n".join(code), names)
        self.assertLess(abs((names["found"]["values"][0] - [1, -0.5, 195]) / names["found"]["errors"][0]).max(), 5)


class Speed(unittest.TestCase):
    def test_import(self):
        best = min(self.seconds() for _ in range(3))
        self.assertLess(best, 0.5)

    @staticmethod
    def seconds():
        program = "import time; t = time.process_time(); import pendel; print(time.process_time() - t)"
        return float(subprocess.run([sys.executable, "-c", program], text=True, capture_output=True, check=True).stdout)

    def test_calls_cost_little(self):
        """What a call takes beside the library's work: that of a kinematical engine with few beams."""
        simulator = pendel.Simulator([(crystal("Si"), 10)], 200, zone_axis=[0, 0, 1], x_axis=[1, 0, 0],
                                     kind="kinematical", g_max_invA=0.4)
        tilt = np.zeros((1, 2))
        simulator.exit_waves(tilt)
        pendel.set_threads(1)
        start = time.process_time()
        for _ in range(2000):
            simulator.exit_waves(tilt)
        pendel.set_threads(0)
        self.assertLess((time.process_time() - start) / 2000, 20e-6)


if __name__ == "__main__":
    unittest.main(verbosity=2)
