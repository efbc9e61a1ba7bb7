"""The Python package: arrays in and out of the library, with its errors."""
import ast
import contextlib
import io
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import types
import unittest
import unittest.mock
import warnings

import h5py
import numpy as np
import pendel

DATA = pathlib.Path(os.environ["PENDEL_SOURCE_DIR"]) / "data"
warnings.simplefilter("ignore")


def crystal(name):
    return pendel.Crystal.from_cif(DATA / "cif" / f"{name}.cif")


def spots(crystal, R, energy_keV=300.0, g_max=1.2, sigma=0.02, sg_max=0.05):
    """Kinematical spots (n, 3) of an orientation, by this file's own arithmetic: q [1/Å] and intensity."""
    wavelength = 12.398419843 / np.sqrt(energy_keV * (2 * 510.99895 + energy_keV))
    hkl = crystal.reflections(g_max)[1:]
    g = crystal.g(hkl) @ np.asarray(R).T
    K = np.array([0, 0, 1 / wavelength])
    s = np.sqrt(K[2] ** 2 - (g[:, :2] ** 2).sum(1)) - (K + g)[:, 2]
    intensity = abs(crystal.structure_factors(hkl, energy_keV)[0]) ** 2 * np.exp(-(s**2) / (2 * sigma**2))
    seen = (abs(s) < sg_max) & (intensity > 2e-3 * intensity[abs(s) < sg_max].max())
    return np.column_stack([g[seen, :2], intensity[seen]])


def random_rotations(random, n):
    return pendel.from_quaternion(random.normal(size=(n, 4)))


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

    def test_cbed(self):
        """An image is the sum of its disks; disks are intensities of single directions; polar ones have no twin."""
        simulator = self.simulator()
        disks = simulator.hkl[:13]
        lacbed = simulator.lacbed(disks, 3.0, 7)
        self.assertEqual(lacbed.shape, (13, 7, 7))
        tilts = np.linspace(-3, 3, 7)
        x, y = np.meshgrid(tilts, tilts)
        inside = np.hypot(x, y) < 3 + 1e-9
        np.testing.assert_array_equal(np.isnan(lacbed[0]), ~inside)
        I = abs(simulator.exit_waves(np.column_stack([x[inside], y[inside]]))[:, :13]) ** 2
        np.testing.assert_allclose(lacbed[:, inside], I.T, atol=1e-9)
        two = simulator.lacbed(disks, 3.0, 7, thicknesses_A=[20.0, 39.05], layer=1)
        np.testing.assert_allclose(two[1], lacbed, atol=1e-12)
        self.assertGreater(np.nanmax(abs(two[0] - two[1])), 0.01)
        self.assertGreater(np.nanmax(abs(lacbed[1:5] - lacbed[1:5, ::-1, ::-1])), 1e-3)
        # an image: disks of 3 mrad stay apart (a* is 6.4 mrad), each pixel of one is one direction
        detector = {"rows": 41, "columns": 61, "pixel_mrad": 0.5}
        image = simulator.cbed(3.0, detector=detector)
        self.assertEqual(image.shape, (41, 61))
        fine = np.nan_to_num(simulator.lacbed([[0, 0, 0]], 3.0, 61)[0])
        count = (~np.isnan(simulator.lacbed([[0, 0, 0]], 3.0, 61)[0])).sum()
        middle = np.hypot(*np.meshgrid(np.arange(61) - 30, np.arange(41) - 20)) <= 7
        self.assertAlmostEqual(image[middle].sum(), fine.sum() / count, delta=0.01)
        self.assertLess(image.sum(), 1)
        thick = simulator.cbed(3.0, detector=detector, thicknesses_A=[20.0, 39.05], layer=1)
        np.testing.assert_allclose(thick[1], image, atol=1e-12)
        counts = simulator.cbed(3.0, detector={**detector, "dose": 1e4}, coherent=False)
        np.testing.assert_array_equal(counts, np.round(counts))
        self.assertAlmostEqual(counts.sum() / 1e4, image.sum(), delta=0.05)
        with self.assertRaisesRegex(pendel.StudyError, "detector: key columns is missing"):
            simulator.cbed(3.0, detector={"rows": 41, "pixel_mrad": 0.5})
        with self.assertRaisesRegex(pendel.StudyError, "source_size_A and focal_spread_A"):
            simulator.cbed(3.0, detector=detector, coherent=False, probe={"source_size_A": 1})

    def test_spots(self):
        """Single scattering, against this file's arithmetic and the kinematical engine."""
        pto = crystal("PbTiO3")
        R = random_rotations(np.random.default_rng(8), 1)[0]
        own = spots(pto, R)
        found = pto.spots(R, 300, shape="gaussian", sigma_invA=0.02, g_max_invA=1.2, sg_max_invA=0.05)
        self.assertEqual(found["hkl"][0].tolist(), [0, 0, 0])
        place = [np.linalg.norm(found["g"][:, :2] - q, axis=1).argmin() for q in own[:, :2]]
        np.testing.assert_allclose(found["intensity"][place], own[:, 2], rtol=1e-6)
        slab = pto.spots(R, 300, thickness_A=20, g_max_invA=1.2)
        engine = pendel.Simulator([(pto, 20)], 300, R_lab_crystal=R, kind="kinematical", g_max_invA=1.2)
        beams = {tuple(h): i for i, h in enumerate(engine.hkl)}
        I = abs(engine.exit_waves()[0]) ** 2
        both = [(i, beams[tuple(h)]) for i, h in enumerate(slab["hkl"]) if tuple(h) in beams][1:]
        self.assertGreater(len(both), 10)
        here, there = slab["intensity"][[i for i, _ in both]], I[[j for _, j in both]]
        np.testing.assert_allclose(here, there, rtol=0.02, atol=1e-6)  # the engine has refraction
        with self.assertRaisesRegex(pendel.StudyError, "thickness_A belongs to"):
            pto.spots(R, 300)

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
        sector = pendel.annulus((q_rows, q_columns), (70, 71), outer=40, from_deg=0, to_deg=90)
        self.assertAlmostEqual(sector.sum(), np.pi * 40**2 / 4, delta=3)
        self.assertEqual((sector[100, 60], sector[100, 80] > 0.99), (0, True))
        found = scan.virtual_images({"ring": ring, "all": np.ones((q_rows, q_columns))})
        np.testing.assert_allclose(found["ring"], (every * ring).sum((2, 3)), rtol=1e-6)
        np.testing.assert_allclose(found["mean"], every.mean((0, 1)), rtol=1e-6)
        x = (every * np.arange(q_columns)).sum((2, 3)) / every.sum((2, 3))
        np.testing.assert_allclose(found["centre_of_mass"][..., 0], x, rtol=1e-6)
        window = np.zeros((q_rows, q_columns))
        window[50:90, 60:100] = 1  # a rectangle
        found = scan.virtual_images({"window": window}, mask=window)
        np.testing.assert_allclose(found["window"], every[..., 50:90, 60:100].sum((2, 3)), rtol=1e-6)
        inside = every * window
        x = (inside * np.arange(q_columns)).sum((2, 3)) / inside.sum((2, 3))
        np.testing.assert_allclose(found["centre_of_mass"][..., 0], x, rtol=1e-6)
        np.testing.assert_allclose(scan.median_pattern(), np.median(every.reshape(6, q_rows, q_columns), axis=0))
        plane = pendel.integrated(np.full((7, 9), 0.5), np.full((7, 9), -0.25))
        row, column = np.mgrid[:7, :9]
        np.testing.assert_allclose(plane, 0.5 * (column - 4) - 0.25 * (row - 3), atol=1e-10)
        with self.assertRaisesRegex(pendel.StudyError, "integrated: two arrays of one shape"):
            pendel.integrated(np.zeros((2, 3)), np.zeros((3, 2)))
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


class Orientations(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.options = dict(energy_keV=300, step_deg=3, g_max_invA=1.2)
        cls.crystals = {"Au": crystal("Au"), "PTO": crystal("PbTiO3")}
        cls.library = pendel.Library(cls.crystals, **cls.options)

    def test_library(self):
        """Templates are the spots that numpy makes of their orientations; a file keeps them to the last bit."""
        self.assertEqual(self.library.phases, ["Au", "PTO"])
        R = self.library.orientations("PTO")
        self.assertGreater(len(R), 50)
        np.testing.assert_allclose(R @ R.transpose(0, 2, 1), np.tile(np.eye(3), (len(R), 1, 1)), atol=1e-12)
        one = self.library.pattern("PTO", 17)
        np.testing.assert_array_equal(one["R_lab_crystal"], R[17])
        g = self.library.crystal("PTO").g(one["hkl"]) @ R[17].T
        np.testing.assert_allclose(one["q"], g[:, :2], atol=1e-12)
        own = spots(self.crystals["PTO"], R[17], sg_max=0.06)
        place = [np.linalg.norm(one["q"] - q, axis=1).argmin() for q in own[:, :2]]
        np.testing.assert_allclose(one["q"][place], own[:, :2], atol=1e-9)
        np.testing.assert_allclose(one["intensity"][0, place], own[:, 2], rtol=1e-6)
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "library.h5"
            self.library.save(path)
            again = pendel.Library.load(path)
            np.testing.assert_array_equal(again.orientations("PTO"), R)
            np.testing.assert_array_equal(again.pattern(1, 17)["intensity"], one["intensity"])
        self.assertEqual((again.energy_keV(0), again.g_max_invA("Au"), again.thickness_A()), (300, 1.2, []))

    def test_dynamical_library(self):
        library = pendel.Library(crystal("Si"), energy_keV=200, step_deg=15, g_max_invA=0.9,
                                 dynamical={"thickness_A": [100, 300]})
        self.assertEqual(library.thickness_A(), [100, 300])
        patterns = [library.pattern(0, i) for i in range(len(library.orientations()))]
        brightest = max(range(len(patterns)), key=lambda i: patterns[i]["intensity"].sum())
        one = patterns[brightest]
        self.assertEqual(one["intensity"].shape, (2, len(one["hkl"])))
        # the same orientation, by the engine
        simulator = pendel.Simulator([(crystal("Si"), 300.0)], 200, R_lab_crystal=library.orientations()[brightest],
                                     kind="bloch", absorption="weickenmeier-kohl", g_max_invA=2, sg_max_invA=0.2)
        beams = {tuple(h): i for i, h in enumerate(simulator.hkl)}
        I = abs(simulator.exit_waves()[0, [beams[tuple(h)] for h in one["hkl"]]]) ** 2
        np.testing.assert_allclose(one["intensity"][1], I, atol=1e-2)  # the tolerance of the library
        self.assertGreater(I.max(), 0.05)

    def test_orientations_are_found(self):
        random = np.random.default_rng(11)
        truth = random_rotations(random, 12)
        names = ["Au", "PTO"] * 6
        patterns = []
        for name, R in zip(names, truth):
            peaks = spots(self.crystals[name], R)
            peaks[:, :2] += random.normal(0, 0.003, peaks[:, :2].shape)
            patterns.append(np.vstack([peaks, [0.001, 0, 1e3]]))  # with the undiffracted beam
        matcher = pendel.Matcher(self.library)
        found = matcher.match_all(patterns + [np.zeros((0, 3)), random.uniform(-1, 1, (20, 3)) ** [1, 1, 2]])
        self.assertEqual([matcher.phases[i] for i in found["phase_id"][:12]], names)
        for i, name in enumerate(names):
            # few peaks may fit several orientations equally well: then it is said
            candidates = matcher.match(patterns[i]).candidates[:found["tied"][i]]
            angles = [pendel.misorientation_deg(self.crystals[name], truth[i], c.R_lab_crystal) for c in candidates]
            self.assertLess(min(angles), 1, name)
            if "PTO" == name:  # 25 peaks and more leave no doubt
                self.assertEqual(len(angles), 1)
                self.assertLess(min(angles), 4 * found["error_deg"][i])
        self.assertEqual(found["phase_id"][12:].tolist(), [-1, -1])
        self.assertTrue(np.isnan(found["R_lab_crystal"][12:]).all() and np.isnan(found["score"][12:]).all())
        self.assertEqual(found["flags"][12] & pendel.orientation_flags["few_peaks"], 8)
        self.assertTrue(found["flags"][13] & (8 + 16))
        np.testing.assert_allclose(found["phase_probability"][:12].sum(1), 1)
        # one at a time it is the same
        for i in 0, 1, 12:
            one = matcher.match(patterns[i] if i < 12 else [])
            self.assertEqual(one.indexed, i < 12)
            np.testing.assert_array_equal(one.R_lab_crystal, found["R_lab_crystal"][i])
            for name in "score", "reliability", "residual_invA", "error_deg", "quaternion", "euler_deg":
                np.testing.assert_array_equal(getattr(one, name), found[name][i])
            self.assertEqual(sum(pendel.orientation_flags[f] for f in one.flags), found["flags"][i])
        self.assertEqual((one.phase, one.flags, one.candidates), (None, ["few_peaks"], []))
        one = matcher.match(patterns[1])
        self.assertEqual((one.phase, one.candidates[0].phase), ("PTO", "PTO"))
        self.assertLess(one.candidates[1].score, one.score + 1e-12)
        self.assertGreaterEqual(one.tied, 1)
        self.assertAlmostEqual(sum(one.phase_probability.values()), 1)
        self.assertAlmostEqual(one.error_deg, np.rad2deg(np.sqrt(np.trace(one.candidates[0].covariance))))

    def test_matching_is_quick(self):
        """A pattern of 30 peaks, two phases, one thread: a millisecond or two of the library's, no more of Python's."""
        patterns = [spots(self.crystals["PTO"], R)[:30] for R in random_rotations(np.random.default_rng(3), 100)]
        matcher = pendel.Matcher(self.library)
        pendel.set_threads(1)
        start = time.process_time()
        found = matcher.match_all(patterns)
        together = (time.process_time() - start) / len(patterns)
        pendel.set_threads(0)
        self.assertGreater((found["phase_id"] == 1).mean(), 0.9)
        self.assertLess(together, 5e-3)

    def test_overlapping(self):
        random = np.random.default_rng(4)
        matcher = pendel.Matcher(pendel.Library(self.crystals["Au"], **self.options), overlapping=2)
        R = random_rotations(random, 2)
        first, second = (spots(self.crystals["Au"], r) for r in R)
        peaks = np.vstack([first * [1, 1, 0.7 / first[:, 2].sum()], second * [1, 1, 0.3 / second[:, 2].sum()]])
        found = matcher.match(peaks).overlapping
        self.assertEqual(len(found), 2)
        for solution, r in zip(found, R):
            either = [pendel.misorientation_deg(self.crystals["Au"], r, s.R_lab_crystal)
                      for s in [solution] + solution.alternatives]
            self.assertLess(min(either), 1)
        self.assertGreater(found[0].share, found[1].share)
        every = matcher.match_all([peaks])
        np.testing.assert_array_equal(every["overlapping_R_lab_crystal"][0], [s.R_lab_crystal for s in found])
        self.assertEqual(every["overlapping_phase_id"].tolist(), [[0, 0]])

    def test_languages(self):
        """Against a table of an independent program: Bunge's angles, matrix, quaternion and colours."""
        lines = (DATA.parent / "tests/data/orientations/golden_m3m.csv").read_text().splitlines()
        lines = [line for line in lines if not line.startswith("#")]
        table = np.genfromtxt(lines, delimiter=",", names=True)
        def columns(*names):
            return np.stack([table[n] for n in names], axis=-1)
        angles = np.rad2deg(columns(*table.dtype.names[:3]))
        R = pendel.from_bunge(angles)
        np.testing.assert_allclose(pendel.to_bunge(R), angles, atol=1e-6)
        q = columns(*table.dtype.names[12:16])
        np.testing.assert_allclose(pendel.to_quaternion(R), q, atol=1e-6)
        np.testing.assert_allclose(pendel.from_quaternion(3 * q), R, atol=1e-6)
        rgb = pendel.ipf_colours(self.crystals["Au"], R)
        np.testing.assert_allclose(rgb, columns(*table.dtype.names[16:19]), atol=1e-4)
        rgb = pendel.ipf_colours(self.crystals["Au"], R, direction=(1, 0, 0))
        np.testing.assert_allclose(rgb, columns(*table.dtype.names[19:22]), atol=1e-4)
        self.assertTrue(np.isnan(pendel.ipf_colours(self.crystals["Au"], R[0] * np.nan)).all())
        turned = R @ np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]])  # a rotation of m-3m, not of 4mm's x and y
        np.testing.assert_allclose(pendel.misorientation_deg(self.crystals["Au"], R, turned), 0, atol=1e-6)
        key = pendel.ipf_key(self.crystals["Au"], pixels=50)
        self.assertEqual(max(key["image"].shape), 50)
        self.assertEqual([c[0] for c in key["corners"]], ["[001]", "[101]", "[111]"])

    def test_what_is_wrong_is_said(self):
        with self.assertRaisesRegex(pendel.StudyError, "step_dg.*did you mean step_deg"):
            pendel.Library(self.crystals, step_dg=3)
        with self.assertRaisesRegex(pendel.StudyError, "thickness_A.*is empty"):
            pendel.Library(self.crystals, dynamical={"thickness_A": []})
        with self.assertRaisesRegex(pendel.StudyError, "candidates.*1 to 100"):
            pendel.Matcher(self.library, candidates=0)
        matcher = pendel.Matcher(self.library)
        with self.assertRaisesRegex(pendel.StudyError, r"peaks: an array of shape \(n, 3\)"):
            matcher.match(np.zeros((4, 2)))
        with self.assertRaisesRegex(pendel.StudyError, "row 1 is not finite"):
            matcher.match_all([[[0.3, 0.1, 1], [np.nan, 0, 1]]])
        with self.assertRaisesRegex(pendel.StudyError, "phase there is no 'Pt'"):
            self.library.orientations("Pt")
        with self.assertRaisesRegex(pendel.InputError, "nothing.h5"):
            pendel.Library.load("nothing.h5")
        with self.assertRaisesRegex(pendel.StudyError, r"\(..., 3, 3\)"):
            pendel.to_bunge(np.eye(4))


class Interop(unittest.TestCase):
    def test_py4dstem(self):
        """A polar crystal's pattern, calculated in py4DSTEM's frame: x along rows, y along columns, z to the source."""
        pto = crystal("PbTiO3")
        M = np.linalg.qr(np.random.default_rng(6).normal(size=(3, 3)))[0]
        M *= np.linalg.det(M)  # columns: the frame's axes in the crystal
        hkl = pto.reflections(1.2)[1:]
        g = pto.g(hkl) @ M
        K = np.array([0, 0, -1 / (12.398419843 / np.sqrt(300 * (2 * 510.99895 + 300)))])
        s = np.sqrt(K[2] ** 2 - (g[:, :2] ** 2).sum(1)) + (K + g)[:, 2]
        I = abs(pto.structure_factors(hkl, 300)[0]) ** 2 * np.exp(-(s**2) / (2 * 0.02**2))
        seen = (abs(s) < 0.05) & (I > 2e-3 * I[abs(s) < 0.05].max())
        there = {"qx": g[seen, 0], "qy": g[seen, 1], "intensity": I[seen]}
        R = pendel.interop.orientations_from_py4dstem(M)
        here = pendel.interop.peaks_from_py4dstem(there)
        np.testing.assert_allclose(here, spots(pto, R), atol=1e-9)
        np.testing.assert_allclose(pendel.interop.orientations_to_py4dstem(R), M, atol=1e-15)
        table = pendel.interop.peaks_to_py4dstem(here)
        np.testing.assert_array_equal(table["qx"], there["qx"])

        class PointList:
            data = table
        np.testing.assert_array_equal(pendel.interop.peaks_from_py4dstem(PointList()), here)
        pixels = {"qx": 60 + there["qx"] / 0.01, "qy": 64 + there["qy"] / 0.01, "intensity": there["intensity"]}
        np.testing.assert_allclose(pendel.interop.peaks_from_py4dstem(pixels, 0.01, (60, 64)), here, atol=1e-12)
        with self.assertRaisesRegex(pendel.StudyError, "no qy; there are: qx, intensity"):
            pendel.interop.peaks_from_py4dstem({"qx": [1], "intensity": [1]})

    def test_py4dstem_own_orientations(self):
        """Patterns of gold that py4DSTEM has made, with the orientations that it made them of."""
        file = DATA.parent / "../shared/reference/py4dstem/acom/Au_fcc_easy.json"
        if not file.exists():
            self.skipTest("the reference patterns of py4DSTEM are not here")
        reference = json.loads(file.read_text())
        gold = crystal("Au")
        matcher = pendel.Matcher(pendel.Library(gold, energy_keV=300, step_deg=3, g_max_invA=1.5))
        patterns = [dict(zip(("qx", "qy", "intensity"), np.transpose(peaks))) for peaks in reference["peaks"][:40]]
        found = matcher.match_all([pendel.interop.peaks_from_py4dstem(p) for p in patterns])
        turned = np.diag([-1, -1, 1]) @ found["R_lab_crystal"]  # peaks alone often leave this open
        R = pendel.interop.orientations_from_py4dstem(reference["truth_matrix_columns_xyz"][:40])
        angle = np.minimum(pendel.misorientation_deg(gold, found["R_lab_crystal"], R),
                           pendel.misorientation_deg(gold, turned, R))
        self.assertLess(np.median(angle), 0.35)  # the target of the library's own tests
        self.assertLess(np.quantile(angle, 0.9), 1.0)

    def test_ase(self):
        """There and back, and a mixed site as ase.spacegroup writes it."""
        class Cell(np.ndarray):
            def cellpar(self):
                a, b, c = (np.linalg.norm(v) for v in self)
                angle = lambda u, v: np.rad2deg(np.arccos(u @ v / np.linalg.norm(u) / np.linalg.norm(v)))
                return np.array([a, b, c, angle(self[1], self[2]), angle(self[0], self[2]), angle(self[0], self[1])])

        class Atoms:
            """What of ase.Atoms is used."""
            def __init__(self, symbols, scaled_positions, cell, pbc):
                self.symbols, self.scaled, self.info, self.arrays = list(symbols), scaled_positions, {}, {}
                self.cell = np.array(cell).view(Cell)
            def get_chemical_symbols(self):
                return self.symbols
            def get_scaled_positions(self):
                return self.scaled

        try:
            import ase
            make = ase.Atoms
        except ImportError:
            make = Atoms
            with self.assertRaisesRegex(ImportError, "crystal_to_ase needs ase"):
                pendel.interop.crystal_to_ase(crystal("Au"))
        for name in "PbTiO3", "LiCoO2":  # polar; hexagonal
            full = crystal(name)
            if make is Atoms:
                atoms = make(full.elements, full.positions, full.lattice_A, True)
            else:
                atoms = pendel.interop.crystal_to_ase(full)
                turn = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
                atoms.set_cell(atoms.cell @ (turn * np.linalg.det(turn)), scale_atoms=True)
            back = pendel.interop.crystal_from_ase(atoms, B_A2=full.B_A2)
            hkl = full.reflections(1.0)
            np.testing.assert_allclose(back.cell, full.cell, atol=1e-9)
            np.testing.assert_allclose(back.structure_factors(hkl, 200)[0], full.structure_factors(hkl, 200)[0],
                                       atol=1e-6)  # B is that of anisotropic displacements in one of them
        atoms = make(["Na", "Cl"], scaled_positions=[[0, 0, 0], [0.5, 0.5, 0.5]], cell=4 * np.eye(3), pbc=True)
        atoms.info["occupancy"] = {"0": {"Na": 0.4, "K": 0.6}, "1": {"Cl": 1.0}}
        atoms.arrays["spacegroup_kinds"] = np.array([0, 1])
        mixed = pendel.interop.crystal_from_ase(atoms)
        self.assertEqual((mixed.elements, mixed.occupancies.tolist()), (["Na", "K", "Cl"], [0.4, 0.6, 1.0]))
        with self.assertRaisesRegex(pendel.StudyError, "occupancies below 1"):
            pendel.interop.crystal_to_ase(mixed)
        left = make(["Na"], scaled_positions=[[0, 0, 0]], cell=np.diag([4, 4, -4]), pbc=True)
        with self.assertRaisesRegex(pendel.StudyError, "left-handed"):
            pendel.interop.crystal_from_ase(left)

    def test_ase_mixed_site(self):
        """Two elements at one place of a space group, as ASE's own function makes them."""
        try:
            from ase.spacegroup import crystal as made
        except ImportError:
            self.skipTest("ase is not here: its Atoms are not made")
        atoms = made(["Na", "K", "Cl"], [(0, 0, 0), (0, 0, 0), (0.5, 0.5, 0.5)], spacegroup=225,
                     cellpar=[5.6] * 3 + [90] * 3, occupancies=[0.4, 0.6, 1.0])
        found = pendel.interop.crystal_from_ase(atoms)
        self.assertEqual(found.point_group, "m-3m")
        for element, share in ("Na", 1.6), ("K", 2.4), ("Cl", 4):
            self.assertAlmostEqual(found.occupancies[np.array(found.elements) == element].sum(), share)

    def test_orix_conventions(self):
        """Numbers that orix publishes: quaternion, matrix (map to crystal) and Bunge's angles [rad] of its own tests of
        conversions (orix/tests/quaternion), and the turn of a vector in the help of Quaternion.from_scipy_rotation."""
        class Rotation:
            data = np.array([[0.8036, 0.5640, 0.1728, 0.0793], [0.8036, 0.1728, -0.5640, 0.0793],
                             [0.9691, 0.0780, 0.0780, -0.2205]])
        M = [[[0.9277, 0.0675, 0.3672], [0.3224, 0.3512, -0.8790], [-0.1883, 0.9339, 0.3041]],
             [[0.3512, -0.3224, -0.8790], [-0.0675, 0.9277, -0.3672], [0.9339, 0.1883, 0.3041]],
             [[0.8906, 0.4396, 0.1168], [-0.4152, 0.8906, -0.1856], [-0.1856, 0.1168, 0.9757]]]
        angles = [[3.3405, 1.2618, 2.7459], [1.7697, 1.2618, 4.3167], [4.1507, 0.2211, 2.5799]]
        lab_map = np.diag([1, -1, -1])  # the map frame: x right, y up, z to the source
        R = pendel.interop.orientations_from_orix(Rotation)
        np.testing.assert_allclose(R, lab_map @ np.swapaxes(M, 1, 2), atol=2e-4)
        np.testing.assert_allclose(pendel.to_bunge(R), np.rad2deg(angles), atol=0.05)  # of four digits
        Rotation.data = np.sqrt([[0.5, 0, 0, 0.5]]) * [1, 1, 1, -1]
        R = pendel.interop.orientations_from_orix(Rotation)[0]
        np.testing.assert_allclose(R.T @ lab_map @ [1, 1, 0], [1, -1, 0], atol=1e-12)
        np.testing.assert_allclose(pendel.to_bunge(R), [90, 0, 0], atol=1e-9)

    def test_orix_symmetry(self):
        """Of a group that orix has about other axes nothing wrong is made."""
        class Symmetry:
            def __init__(self, name):
                x, y, z, one = (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1), (1, 0, 0, 0)
                s = 0.5**0.5
                self.name = name  # proper operations, and the rotations of improper ones
                rotations, others = {"2/m": ([one, z], [z, one]), "121": ([one, y], []), "mm2": ([one, x], [z, y]),
                                     "4mm": ([one, z, (s, 0, 0, s), (s, 0, 0, -s)],
                                             [x, y, (0, s, s, 0), (0, s, -s, 0)])}[name]
                self.data = np.array(rotations + others)
                self.improper = np.arange(len(self.data)) >= len(rotations)
        modules = {"orix.quaternion": types.SimpleNamespace(Orientation=lambda data, symmetry: symmetry),
                   "orix.crystal_map": types.SimpleNamespace(
                       Phase=lambda point_group: types.SimpleNamespace(point_group=Symmetry(point_group)))}
        polar = pendel.Crystal((4, 5, 6, 90, 100, 90), ["Si", "Si", "O"], [[.1, .2, .3], [-.1, .2, -.3], [0, 0, 0]])
        self.assertEqual(polar.point_group, "2")
        R = np.eye(3)
        with unittest.mock.patch.dict(sys.modules, modules):
            self.assertEqual(pendel.interop.orientations_to_orix(R, crystal("PbTiO3")).name, "4mm")
            self.assertEqual(pendel.interop.orientations_to_orix(R, polar).name, "121")
            for name in "Li2MnO3", "PbTiO3_stack_polar_y":
                group = crystal(name).point_group
                with self.assertRaisesRegex(pendel.StudyError, f"point group {group} about other axes"):
                    pendel.interop.orientations_to_orix(R, crystal(name))

    def test_orix(self):
        class Rotation:
            improper = np.zeros(5, bool)
            data = np.random.default_rng(2).normal(size=(5, 4))
        R = pendel.interop.orientations_from_orix(Rotation)
        self.assertEqual(R.shape, (5, 3, 3))
        q = Rotation.data / np.linalg.norm(Rotation.data, axis=1)[:, None]
        np.testing.assert_allclose(pendel.to_quaternion(R), q * np.sign(q[:, :1]), atol=1e-12)
        Rotation.improper[1] = True
        with self.assertRaisesRegex(pendel.StudyError, "improper"):
            pendel.interop.orientations_from_orix(Rotation)
        try:
            import orix.vector
        except ImportError:
            with self.assertRaisesRegex(ImportError, "orientations_to_orix needs orix"):
                pendel.interop.orientations_to_orix(R)
            self.skipTest("orix is not here: its objects are not made")
        orientation = pendel.interop.orientations_to_orix(R, crystal("PbTiO3"))
        self.assertEqual(orientation.symmetry.name, "4mm")
        np.testing.assert_allclose(pendel.interop.orientations_from_orix(orientation), R, atol=1e-12)
        v = np.array([0.3, -0.2, 0.5])  # in the map frame: x right, y up, z to the source
        np.testing.assert_allclose((orientation * orix.vector.Vector3d(v)).data,
                                   (v * [1, -1, -1]) @ R, atol=1e-12)


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
        with self.assertRaisesRegex(pendel.InputError, "an 'odd': näme"):  # text stays text
            pendel.run(study, output=self.folder / "out.h5", scan__file=self.folder / "an 'odd': näme")


class Interrupts(unittest.TestCase):
    """Ctrl-C ends every call that may be long, soon, with KeyboardInterrupt, and calls work after it.

    Every long call here takes 6 s and more by itself, on two threads.
    """
    # s: the signal after the call has begun; the end after the signal, 0.1 to 0.8 on a quiet machine
    SENT, LIMIT = 0.3, 3

    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        self.addCleanup(pendel.set_threads, 0)
        pendel.set_threads(2)
        self.random = np.random.default_rng(12)

    def check(self, name, long, short=None):
        """long, short: the same call with much and with little to do."""
        sent = []

        def send():
            sent.append(time.monotonic())
            os.kill(os.getpid(), signal.SIGINT)

        timer = threading.Timer(self.SENT, send)
        start = time.monotonic()
        with self.subTest(name):
            try:
                try:
                    timer.start()
                    long()
                finally:
                    end = time.monotonic()
                    timer.cancel()
                    timer.join()
            except KeyboardInterrupt:
                self.assertLess(end - sent[0], self.LIMIT)
            else:
                self.fail(f"it was done after {end - start:.2f} s, before the signal: give it more to do")
            if short:
                short()

    def many_atoms(self, atoms, edge_A):
        return pendel.Crystal((edge_A,) * 3 + (90,) * 3, ["Sr"] * atoms, self.random.random((atoms, 3)), B_A2=0.5)

    def simulator(self, name, thickness_A, **keywords):
        return pendel.Simulator([(crystal(name), thickness_A)], 200, zone_axis=[0, 0, 1], x_axis=[1, 0, 0], **keywords)

    def test_crystals(self):
        full, few = self.many_atoms(3000, 60), crystal("Si")
        hkl = full.reflections(0.8)
        self.check("structure_factors", lambda: full.structure_factors(hkl, 200),
                   lambda: few.structure_factors(hkl[:9], 200))
        self.check("spots", lambda: full.spots(np.eye(3), 200, thickness_A=50, g_max_invA=0.8),
                   lambda: few.spots(np.eye(3), 200, thickness_A=50))
        self.check("point_group", lambda: full.point_group, lambda: few.point_group)

    def test_simulators(self):
        cell = self.many_atoms(1000, 15)
        common = dict(zone_axis=[0, 0, 1], x_axis=[1, 0, 0])
        self.check("Simulator", lambda: pendel.Simulator([(cell, 100)], 200, g_max_invA=4, slice_A=2,
                                                         absorption="weickenmeier-kohl", **common),
                   lambda: self.simulator("Si", 10))
        deep = self.simulator("SrTiO3", 1e7, kind="splitstep", g_max_invA=4)
        self.check("one wave", deep.exit_waves)
        slabs = [self.simulator("PbTiO3", 500, kind="splitstep", g_max_invA=4),
                 self.simulator("PbTiO3", 500, kind="bloch", absorption="weickenmeier-kohl", g_max_invA=2.5,
                                sg_max_invA=0.1)]
        many, tilts = self.random.normal(size=(20000, 2)), self.random.normal(size=(4000, 2))
        for slab, kind in zip(slabs, ("splitstep", "bloch")):
            directions = [slab.tilt("x"), slab.thickness(0), slab.debye_waller("O")]
            self.check(f"waves, {kind}", lambda: slab.exit_waves(many), lambda: slab.exit_waves(tilts[:1]))
            self.check(f"derivatives, {kind}", lambda: slab.exit_waves(tilts, directions),
                       lambda: slab.exit_waves(tilts[:1], directions))
            self.check(f"thicknesses, {kind}", lambda: slab.thickness_series(np.arange(1, 200) * 50.0, tilts),
                       lambda: slab.thickness_series([50.0], tilts[:1]))
        detector = {"rows": 512, "columns": 512, "pixel_mrad": 0.2}
        coarse = {"rows": 16, "columns": 16, "pixel_mrad": 1}
        small = self.simulator("Si", 10, g_max_invA=2)
        self.check("cbed", lambda: slabs[0].cbed(10.0, detector=detector), lambda: small.cbed(2.0, detector=coarse))
        disks = slabs[1].hkl[:9]
        self.check("lacbed", lambda: slabs[1].lacbed(disks, 30.0, 501), lambda: slabs[1].lacbed(disks, 3.0, 3))

    def test_models(self):
        slab = self.simulator("SrTiO3", 150, kind="splitstep", g_max_invA=3)
        disks = [h for h in slab.hkl if abs(h).max() <= 2]
        parameters = [slab.tilt("x", -5, 5), slab.tilt("y", -5, 5), slab.thickness(0, 135, 165)]
        wide = [slab.tilt("x", -15, 15), slab.tilt("y", -15, 15), slab.thickness(0, 120, 180),
                slab.debye_waller("O", lower=0.1, upper=2)]
        self.check("Model", lambda: pendel.Model(slab, disks, wide, semiangle_mrad=2, surrogate_tolerance=0.002))
        model = pendel.Model(slab, disks, parameters, semiangle_mrad=3)
        x = np.tile([p.nominal for p in parameters], (30000, 1))
        self.check("value", lambda: model(x), lambda: model(x[0]))
        self.check("jacobian", lambda: model.jacobian(x), lambda: model.jacobian(x[0]))
        counts = self.random.poisson(1e4 * np.tile(model(x[0]), (500, 1)))
        self.check("fit", lambda: model.fit(counts, dose=1e4),
                   lambda: model.fit(counts[0], dose=1e4, samples=10, starts=1))

    def test_orientations(self):
        pto = crystal("PbTiO3")
        options = dict(energy_keV=200, step_deg=5, g_max_invA=1.2)
        waves = {"dynamical": {"thickness_A": [100, 300]}}
        library = pendel.Library(pto, **options)
        self.check("Library", lambda: pendel.Library(pto, energy_keV=200, step_deg=0.2, g_max_invA=4),
                   lambda: pendel.Library(pto, **options))
        self.check("Library, dynamical", lambda: pendel.Library(pto, **{**options, "step_deg": 1}, **waves))
        matcher = pendel.Matcher(library)
        patterns = [self.random.uniform(-1, 1, (300, 3)) ** [1, 1, 2]] * 4000
        self.check("match_all", lambda: matcher.match_all(patterns), lambda: matcher.match_all(patterns[:1]))

    def scan_file(self):
        """Of patterns of zeros, which take no place on disk."""
        file = self.folder / "scan.npy"
        if not file.exists():
            np.lib.format.open_memmap(file, mode="w+", dtype=">f8", shape=(256, 128, 192, 192))
        return file

    def test_scans(self):
        scan = pendel.Scan(self.scan_file())
        self.check("read", lambda: scan.read(0, 256 * 128), lambda: scan[0, 0])
        ring, one = pendel.annulus(scan.shape[2:], (96, 96), 50), pendel.Scan(DATA / "scans/ped_3x2.blo")
        self.check("virtual_images", lambda: scan.virtual_images({"ring": ring}), lambda: one.virtual_images({}))
        place = np.arange(256)
        pattern = 0.3 + sum(50.0 * (np.hypot(place[:, None] - 128 - 25 * a, place - 128 - 25 * b) < 8)
                            for a in range(-4, 5) for b in range(-4, 5))
        patterns = np.tile(self.random.poisson(pattern).astype(np.float32), (400, 1, 1))
        self.check("find_disks", lambda: pendel.find_disks(patterns, 8.0), lambda: pendel.find_disks(patterns[0], 8.0))

    def peaks_file(self, times=8):
        """The peaks of a scan that ships, as a scan of that many times the rows and columns."""
        file = self.folder / "peaks.h5"
        shutil.copy(DATA / "scans/cathode_peaks.h5", file)
        with h5py.File(file, "r+") as tree:
            def tile(group, name):
                values, kind, about = group[name][()], group[name].dtype, dict(group[name].attrs)
                del group[name]
                group.create_dataset(name, data=np.tile(values, (times, times)), dtype=kind).attrs.update(about)
                return values.shape
            shape = tile(tree["pendel/braggvectors/_v_uncal"], "data")
            tree["pendel/braggvectors/metadatabundle/_braggvectors_shape/Rshape"][()] = np.multiply(shape, times)
            for name in "qx0", "qy0":
                tile(tree["pendel/metadatabundle/calibration"], name)
        return file

    def test_studies(self):
        scan, peaks = self.scan_file(), self.peaks_file()
        detectors = [{"name": "a", "radii_px": [0, 50]}]
        for kind, long, short in (
                ("pattern", {"pattern__thicknesses_A": list(range(10, 200000, 20)), "engine__g_max_invA": 4}, {}),
                ("stem", {"scan__rows": 64, "scan__columns": 64}, {"scan__rows": 1, "scan__columns": 1}),
                ("images", {"scan__file": scan, "images__centre_px": [96, 96], "images__detectors": detectors}, {}),
                ("disks", {"scan__file": scan}, {}),
                ("strain", {"peaks__file": peaks}, {}),
                ("classify", {"peaks__file": peaks, "classify__components": 20}, {}),
                ("flow", {"peaks__file": peaks, "flow__spacing": 0.1}, {}),
                ("calibrate", {"scan__file": scan, "origin__centre_px": [96, 96]}, None),
                ("library", {"templates__step_deg": 0.2, "templates__g_max_invA": 5}, {}),
                ("match", {"peaks__file": peaks}, None),
                ("fit", {"fit__search__method": "multistart", "fit__search__samples": 100000}, None),
                ("plan", {"plan__tilt_line__points": 100000}, None)):
            study, result = self.folder / f"{kind}.yaml", self.folder / f"{kind}.h5"
            study.write_text(pendel.new_study(kind))
            self.check(kind, lambda: pendel.run(study, output=result, **long),
                       short is not None and (lambda: pendel.run(study, output=result, **short)))


class Types(unittest.TestCase):
    """The stub says what the compiled module is, and everything says what it does."""
    text = (pathlib.Path(pendel.__file__).parent / "_pendel.pyi").read_text()
    stub = {node.name: node for node in ast.parse(text).body
            if isinstance(node, (ast.FunctionDef, ast.ClassDef))}

    @staticmethod
    def of_docstring(text):
        """[(name, type, whether it has a default)], and the type returned, from "f(a: int, b: float = 0) -> int"."""
        line = text.splitlines()[0]
        inside, depth, parts = line[line.index("(") + 1:line.rindex(")")], 0, [""]
        for letter in inside:
            depth += (letter in "([{") - (letter in ")]}")
            if letter == "," and depth == 0:
                parts.append("")
            else:
                parts[-1] += letter
        arguments = []
        for part in filter(None, map(str.strip, parts)):
            name, _, rest = part.partition(":")
            kind, default, _ = rest.partition("=")
            arguments.append((name, kind.strip(), bool(default)))
        return arguments, line[line.rindex(")") + 1:].replace("->", "").strip()

    @staticmethod
    def of_stub(function):
        a = function.args
        first = len(a.args) - len(a.defaults)
        arguments = [(x.arg, ast.unparse(x.annotation) if x.annotation else "", i >= first)
                     for i, x in enumerate(a.args)]
        if a.kwarg:
            arguments.append(("**kwargs", "", False))
        return arguments, ast.unparse(function.returns)

    def compare(self, where, function, described):
        there, returned = self.of_docstring(described)
        here, returns = self.of_stub(function)
        self.assertEqual([(name, default) for name, _, default in there], [(n, d) for n, _, d in here], where)
        plain = {"int", "float", "str", "bool"}
        for (name, kind, _), (_, own, _) in zip(there, here):
            if kind in plain and name != "self":
                self.assertEqual(kind, own, f"{where}({name})")
        if returned in plain:
            self.assertEqual(returned, returns, where)

    @staticmethod
    def documented(text):
        return len(text.strip().splitlines()) > 1 and len(text.strip().splitlines()[-1]) > 5

    def test_stub(self):
        module = pendel._pendel
        functions = {n: v for n, v in vars(module).items() if type(v).__name__ == "builtin_function_or_method"}
        classes = {n: v for n, v in vars(module).items() if isinstance(v, type)}
        self.assertEqual(set(functions) | set(classes), set(self.stub))
        self.assertGreater(len(functions), 15)
        for name, function in functions.items():
            self.compare(name, self.stub[name], function.__doc__)
            self.assertTrue(name.startswith("_") or self.documented(function.__doc__), name)
        for name, made in classes.items():
            if issubclass(made, Exception):
                self.assertTrue(made.__doc__, name)
                self.assertEqual(made.__base__.__name__, self.stub[name].bases[0].id)
                continue
            self.assertTrue(made.__doc__, name)
            own = {n: v for n, v in vars(made).items()
                   if n in ("__init__", "__call__", "__getitem__", "__len__") or not n.startswith("_")}
            if not (own["__init__"].__doc__ or "").startswith("__init__(self"):
                del own["__init__"]  # others make it
            members = {n.name: n for n in self.stub[name].body if isinstance(n, ast.FunctionDef)}
            fields = {n.target.id for n in self.stub[name].body if isinstance(n, ast.AnnAssign)}
            self.assertEqual(set(own), set(members) | fields, name)
            for n, value in own.items():
                where = f"{name}.{n}"
                if isinstance(value, property):
                    self.assertTrue(value.__doc__, where)
                    self.assertEqual(value.fset is not None, n in fields, where)
                    if n in members:
                        self.assertEqual(members[n].decorator_list[0].id, "property", where)
                    continue
                value = getattr(made, n)
                self.compare(where, members[n], value.__doc__)
                self.assertTrue(self.documented(value.__doc__), where)

    def test_names(self):
        for name in pendel.__all__:
            self.assertTrue(getattr(pendel, name).__doc__, name)
        public = {n for n, v in vars(pendel._pendel).items() if not n.startswith("_")}
        self.assertEqual(public - set(pendel.__all__), set())
        for name in pendel.interop.__all__:
            self.assertTrue(getattr(pendel.interop, name).__doc__, name)
        self.assertTrue((pathlib.Path(pendel.__file__).parent / "py.typed").exists())


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
