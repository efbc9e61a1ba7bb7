"""Study `match` on made Bragg peaks of known phases and orientations, in a file as py4DSTEM writes it,
with a rotated and mirrored detector; its frames are computed here once more, from their definitions."""
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import h5py
import numpy as np
from scipy.spatial.transform import Rotation

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from command import (CIF, PENDEL, PIXEL, SOURCE, multislice_patterns, not_at_hand, record, run,
                     towards_z, turned, write_peaks)

SIMULATED = SOURCE.parent / "shared/data/fourdstem/synthetic/scan_32.npz"
ROWS, COLUMNS = 5, 6
WAVELENGTH = 0.0250793  # 200 keV
EDGE = {"Au": 4.0782, "SrTiO3": 3.905}
CUBE = [r.as_matrix() for r in Rotation.create_group("O")]


def orientations():
    """R_lab_crystal of every position: gold on the left, turning from column to column."""
    base = {"Au": Rotation.from_euler("zxz", [20, 50, 41], degrees=True),
            "SrTiO3": Rotation.from_euler("zxz", [-50, 25, 15], degrees=True)}
    return [[("Au" if column < 3 else "SrTiO3",
              Rotation.from_rotvec([0, 0, 1.5 * column + 0.5 * row], degrees=True)
              * base["Au" if column < 3 else "SrTiO3"]) for column in range(COLUMNS)]
            for row in range(ROWS)]


def spots(phase, orientation):
    """(q along x and y of the scan, intensity): reflections near the Ewald sphere, whose centre is a
    wavevector of the beam, along +z, before the origin."""
    hkl = np.stack(np.meshgrid(*3 * [np.arange(-6, 7)], indexing="ij"), -1).reshape(-1, 3)
    if phase == "Au":
        hkl = hkl[((hkl % 2 == 0).all(1) | (hkl % 2 == 1).all(1))]
    hkl = hkl[(hkl != 0).any(1)]
    g = orientation.apply(hkl / EDGE[phase])
    g = g[np.linalg.norm(g, axis=1) < 1.4]
    k = 1 / WAVELENGTH
    s = (k ** 2 - ((g + [0, 0, k]) ** 2).sum(1)) / (2 * k)
    near = np.abs(s) < 0.045
    return g[near, :2], np.exp(-s[near] ** 2 / 0.0008 - 2 * np.linalg.norm(g[near], axis=1))


def write(path, noise=0.0, distortion=np.eye(2), shift=(0, 0), above=False):
    """above: the crystal three columns on lies above the position's own, too, with less weight."""
    random = np.random.default_rng(2)
    patterns = [[None] * COLUMNS for _ in range(ROWS)]
    for row, line in enumerate(orientations()):
        for column, (phase, orientation) in enumerate(line):
            if (row, column) == (0, 0):
                continue  # a pattern without peaks
            q, intensity = spots(phase, orientation)
            if (row, column) == (0, 1):  # and one of no crystal
                q = random.uniform(-1, 1, (12, 2))
                intensity = np.ones(12)
            if above:
                other, less = spots(*line[(column + 3) % COLUMNS])
                q, intensity = np.vstack([q, other]), np.append(intensity, 0.4 * less)
            q = q @ distortion.T + shift + noise * random.standard_normal(q.shape)
            patterns[row][column] = (np.vstack([[0, 0], q]),
                                     1000 * np.append(intensity.max() * 5, intensity))
    write_peaks(path, patterns)


STUDY = f"""\
study: match
peaks: {{file: peaks.h5}}
library:
  templates:
    energy_keV: 200
    step_deg: 4
    g_max_invA: 1.35
    phases: {{Au: {{cif: {CIF}/Au.cif}}, SrTiO3: {{cif: {CIF}/SrTiO3.cif}}}}
match: {{least_score: 0.55}}
"""


def misorientation(a, b):
    """Smallest angle in degrees under the rotations of a cube."""
    trace = max(np.trace(a.T @ b @ s) for s in CUBE)
    return np.rad2deg(np.arccos(np.clip((trace - 1) / 2, -1, 1)))


class Match(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.temporary.name)
        self.addCleanup(self.temporary.cleanup)

    def run_study(self, *settings, status=0, text=STUDY, arguments=()):
        (self.folder / "study.yaml").write_text(text)
        done = run("run", "study.yaml", *(a for s in settings for a in ("--set", s)), *arguments,
                   cwd=self.folder)
        self.assertEqual(done.returncode, status, done.stderr)
        return (done, h5py.File(self.folder / "study.h5")["pendel"]) if status == 0 else done

    def stop_and_resume(self, study, output, size):
        """Interrupted as soon as the checkpoint has some bytes, then finished."""
        process = subprocess.Popen([PENDEL, "run", study, "--output", output], cwd=self.folder,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        partial = self.folder / f"{output}.partial"
        while process.poll() is None and not (partial.exists() and partial.stat().st_size >= size):
            time.sleep(0.002)
        process.send_signal(signal.SIGINT)
        self.assertIn(process.wait(120), (130, 0))
        done = run("run", study, "--output", output, "--resume", cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertFalse(partial.exists())

    def errors(self, found):
        """Phases right, misorientation in degrees, and the latter's least under 180° about the beam."""
        phase = found["phase_id/data"][()]
        matrix = found["orientation_matrix/data"][()]
        half = np.diag([-1, -1, 1])
        right, strict, modulo = [], [], []
        for row, line in enumerate(orientations()):
            for column, (name, orientation) in enumerate(line):
                if (row, column) in ((0, 0), (0, 1)):
                    continue
                right.append(phase[row, column] == ["Au", "SrTiO3"].index(name))
                R = matrix[row, column, 0]
                strict.append(misorientation(R, orientation.as_matrix()))
                modulo.append(min(strict[-1], misorientation(half @ R, orientation.as_matrix())))
        return np.array(right), np.array(strict), np.array(modulo)

    def test_phases_and_orientations(self):
        write(self.folder / "peaks.h5", noise=0.004)
        done, found = self.run_study()
        right, strict, modulo = self.errors(found)
        self.assertTrue(right.all())
        # out of the plane the intensities alone say how a crystal lies, and these fall with |g| by
        # another law than the library's
        self.assertLess(np.median(modulo), 0.35)
        self.assertLess(modulo.max(), 1)
        # what is not said to fit as well turned by 180° is not turned
        flags = found["flags/data"][()].ravel()[2:]
        sure = (flags & 3) == 0
        self.assertGreater(sure.sum(), 5)
        self.assertLess(strict[sure].max(), 1)
        self.assertIn("28 of 30 positions", done.stdout)
        self.assertEqual(found["flags/data"][0, 0], 8)
        self.assertIn(found["flags/data"][0, 1], (8, 16))
        for name in ("score", "reliability", "residual"):
            self.assertTrue(np.isnan(found[f"{name}/data"][0, 0]))
        self.assertGreater(np.nanmin(found["score/data"][()]), 0.6)
        used, there = (found[f"{name}/data"][1:] for name in ("n_peaks_used", "n_peaks"))
        self.assertTrue((used > 0.7 * there).all())

    def test_frames_of_the_file(self):
        write(self.folder / "peaks.h5")
        _, found = self.run_study()
        R = found["orientation_matrix/data"][1:, :, 0]
        flip = np.diag([1, -1, -1])  # lab: y down, z along the beam; map: y up, z to the source
        g = np.swapaxes(flip @ R, -1, -2)  # Bunge: v_crystal = g v_map
        quaternion = found["quaternion/data"][1:, :, 0]
        w, x, y, z = np.moveaxis(quaternion, -1, 0)
        active = Rotation.from_quat(np.stack([x, y, z, w], -1).reshape(-1, 4)).as_matrix()
        np.testing.assert_allclose(active.reshape(g.shape), g, atol=1e-12)
        angles = found["euler_bunge/data"][1:].reshape(-1, 3)
        bunge = Rotation.from_euler("ZXZ", angles).as_matrix()  # active, hence g transposed
        np.testing.assert_allclose(np.swapaxes(bunge, -1, -2).reshape(g.shape), g, atol=1e-9)
        # the files that other programs read, by their columns
        ang = np.loadtxt(self.folder / "study.ang", comments="#")[COLUMNS:]
        ctf = np.loadtxt(self.folder / "study.ctf", skiprows=len(
            (self.folder / "study.ctf").read_text().split("Phase\tX")[0].splitlines()) + 1)[COLUMNS:]
        for table, first, unit in ((ang, 0, 1), (ctf, 5, np.pi / 180)):
            read = Rotation.from_euler("ZXZ", unit * table[:, first:first + 3]).as_matrix()
            np.testing.assert_allclose(np.swapaxes(read, -1, -2).reshape(g.shape), g, atol=1e-4)
        np.testing.assert_array_equal(ctf[:, 0] - 1, found["phase_id/data"][1:].ravel())
        # gold's [001] towards the source is red
        for name, axis in zip("xyz", np.eye(3)):
            colour = found[f"ipf/{name}/data"][1:]
            self.assertEqual(colour.shape, (ROWS - 1, COLUMNS, 3))
            along = np.sort(np.abs(g @ axis), axis=-1)[..., ::-1]
            nearest = np.argmax([along @ np.array(v) / np.linalg.norm(v)
                                 for v in ((1, 0, 0), (1, 1, 0), (1, 1, 1))], axis=0)
            brightest = np.argmax(colour, axis=-1)
            self.assertGreater(np.mean(nearest == brightest), 0.7)

    def test_grains_and_neighbours(self):
        write(self.folder / "peaks.h5", noise=0.004)
        _, found = self.run_study("map.neighbours={}", "map.step_A=20",
                                  "map.twins=[{name: none of these, phase: Au, axis: [1, 1, 1], angle_deg: 60}]")
        grain = found["grain_id/data"][()]
        self.assertEqual(set(grain.ravel()), {-1, 0, 1})
        self.assertEqual(len(set(grain[1:, :3].ravel())), 1)
        self.assertEqual(len(set(grain[:, 3:].ravel())), 1)
        right = found["misorientation/right/data"][1:]
        np.testing.assert_allclose(right[:, [0, 1, 3, 4]], 1.5, atol=0.8)
        self.assertTrue(np.isnan(right[:, 2]).all())  # between the phases
        self.assertEqual(found["misorientation/twin_right/data"][()].max(), -1)
        self.assertEqual(found["phase_id/dim0"].attrs["units"], "Å")
        np.testing.assert_allclose(found["phase_id/dim0"][()], [0, 20])

    def test_a_wrong_calibration_is_found(self):
        axes = turned(40)
        matrix = 0.98 * axes @ np.diag([np.sqrt(1.035), 1 / np.sqrt(1.035)]) @ axes.T
        write(self.folder / "peaks.h5", noise=0.003, distortion=matrix, shift=(PIXEL, 0.5 * PIXEL))
        done, found = self.run_study("calibration={}")
        told = found["metadatabundle/joint_calibration"]
        self.assertAlmostEqual(told["scale"][()], 1 / 0.98, delta=0.003)
        self.assertAlmostEqual(told["ellipse_ratio"][()], 1.035, delta=0.004)
        self.assertAlmostEqual(told["ellipse_angle_deg"][()], 40, delta=5)
        np.testing.assert_allclose(told["origin_invA"][()], [PIXEL, 0.5 * PIXEL], atol=0.002)
        right, _, modulo = self.errors(found)
        self.assertTrue(right.all())
        self.assertLess(np.median(modulo), 0.5)

    def test_threads_and_resuming_change_nothing(self):
        write(self.folder / "peaks.h5", noise=0.004)
        _, found = self.run_study(arguments=("--threads", "1"))
        first = {name: found[f"{name}/data"][()] for name in ("orientation_matrix", "score", "flags")}
        self.stop_and_resume("study.yaml", "again.h5", 4000)
        with h5py.File(self.folder / "again.h5") as again:
            for name, values in first.items():
                np.testing.assert_array_equal(again[f"pendel/{name}/data"][()], values)

    def test_a_library_from_a_file_is_as_good(self):
        write(self.folder / "peaks.h5", noise=0.004)
        _, found = self.run_study()
        first = {name: found[f"{name}/data"][()] for name in ("orientation_matrix", "score")}
        found.file.close()
        lines = STUDY.splitlines()
        begin, end = lines.index("  templates:"), lines.index("match: {least_score: 0.55}")
        (self.folder / "library.yaml").write_text("\n".join(
            ["study: library", *(line[2:] for line in lines[begin:end])]))
        done = run("run", "library.yaml", "--output", "library.h5", cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("library: Au, 91 zone axes", done.stdout)
        text = "\n".join([*lines[:begin], "  file: library.h5", *lines[end:]])
        _, found = self.run_study(text=text)
        for name, values in first.items():
            np.testing.assert_array_equal(found[f"{name}/data"][()], values)
        done = self.run_study("library.file=peaks.h5", text=text, status=3)
        self.assertIn("holds no template library", done.stderr)

    def test_dynamical_templates(self):
        # few beams of thin crystals: what takes minutes in earnest. The peaks are kinematical.
        write(self.folder / "peaks.h5", noise=0.002)
        (self.folder / "library.yaml").write_text(f"""\
study: library
templates:
  energy_keV: 200
  step_deg: 4
  g_max_invA: 1.2
  phases: {{Au: {{cif: {CIF}/Au.cif}}, SrTiO3: {{cif: {CIF}/SrTiO3.cif}}}}
  dynamical: {{thickness_A: [20, 30], tolerance: 0.1, absorption: none}}
""")
        done = run("run", "library.yaml", "--output", "whole.h5", cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("SrTiO3, 91 zone axes", done.stdout)
        self.stop_and_resume("library.yaml", "library.h5", 1)
        with h5py.File(self.folder / "whole.h5") as whole, h5py.File(self.folder / "library.h5") as again:
            for phase in "01":
                for name in ("orientation_matrix", "hkl", "q", "intensity"):
                    path = f"pendel/library/{phase}/{name}/data"
                    np.testing.assert_array_equal(again[path][()], whole[path][()])
        _, found = self.run_study(text="study: match\npeaks: {file: peaks.h5}\n"
                                       "library: {file: library.h5}\nmatch: {least_score: 0.3}\n")
        right, _, modulo = self.errors(found)
        self.assertTrue(right.all())
        self.assertLess(np.median(modulo), 1)
        thickness = found["thickness/data"][found["phase_id/data"][()] >= 0]
        self.assertTrue(((thickness >= 20) & (thickness <= 30)).all())

    def test_candidates_ranked_by_multiple_scattering(self):
        # by another engine: 60 Å of a crystal without centre of symmetry, near [110], its two senses
        tilts = [[3, -7], [-6, 2]]
        hkl, g, intensity = multislice_patterns(self.folder, "GaAs", (1, 1, 0), (0, 0, 1), tilts, 60, 200, 0.9)
        random = np.random.default_rng(4)
        patterns, truth = [], []
        for column, tilt in enumerate(tilts):
            turn = np.eye(3)
            turn[:2, :2] = turned(25 + 205 * column)
            turn = turn @ towards_z(tilt)
            counts = random.poisson(3e5 * intensity[column])
            q = (g @ turn.T)[counts > 30, :2]
            patterns.append((q + 0.002 * random.standard_normal(q.shape), counts[counts > 30]))
            truth.append(turn @ np.array([[0, 0, 1], [1, -1, 0] / np.sqrt(2), [1, 1, 0] / np.sqrt(2)]))
        write_peaks(self.folder / "peaks.h5", [patterns])
        text = f"""\
study: match
peaks: {{file: peaks.h5}}
library:
  templates: {{energy_keV: 200, step_deg: 4, g_max_invA: 0.9, phases: {{GaAs: {{cif: {CIF}/GaAs.cif}}}}}}
match:
  dynamical:
    thickness_series: {{from_A: 40, to_A: 120, points: 9}}
    tolerance: 0.025
    farthest_mrad: 20
    intensity_error: 0.1
    position_error_invA: 0.002
"""
        tetrahedron = [r.as_matrix() for r in Rotation.create_group("T")]

        def errors(found):
            traces = [[np.trace(R.T @ true @ s) for s in tetrahedron] for R, true in zip(
                found["orientation_matrix/data"][0, :, 0], truth)]
            return np.rad2deg(np.arccos(np.clip((np.max(traces, axis=1) - 1) / 2, -1, 1)))

        _, found = self.run_study(text=text)
        ranked = errors(found)
        thickness, error = (found[f"{name}/data"][0] for name in ("thickness", "thickness_error"))
        misfit = found["dynamical_misfit/data"][0]
        self.assertLess(ranked.max(), 0.2)  # single scattering: of a degree
        self.assertLess(error.max(), 10)  # the spacing of the thicknesses
        self.assertTrue((np.abs(thickness - 60) < 2 * error).all())
        self.assertTrue((misfit[:, 1] > misfit[:, 0] + 10).all())
        self.assertIn("thickness_series", found["metadatabundle/study/yaml"][()].decode())
        found.file.close()
        _, found = self.run_study("match.dynamical=null", text=text)
        self.assertGreater(errors(found).min(), 2 * ranked.max())
        self.assertNotIn("thickness", found)

        for setting, words in [("{}", "thickness_A, thickness_series"),
                               ("{thickness_A: [100]}", "two or more"),
                               ("{thickness_A: [100, 90]}", "90 is not above 100"),
                               ("{thickness_A: [100, 200], intensity_error: 0}", "0.01"),
                               ("{thickness_A: [100, 200], farthest_mrad: 200}", "100")]:
            done = self.run_study(f"match.dynamical={setting}", text=text, status=2)
            self.assertIn(words, done.stderr)
            self.assertIn("match.dynamical", done.stderr)

    def test_crystals_above_each_other(self):
        write(self.folder / "peaks.h5", above=True)
        done, found = self.run_study("match.overlapping=2")
        self.assertIn("several crystals above each other: at", done.stdout)
        phase = found["overlapping/phase/data"][()]
        quaternion = found["overlapping/quaternion/data"][()]
        flip = np.diag([1, -1, -1])
        both = 0
        for row, line in enumerate(orientations()):
            for column in range(COLUMNS):
                if row == 0:
                    continue
                right = 0
                for name, orientation in (line[column], line[(column + 3) % COLUMNS]):
                    for k in np.flatnonzero(phase[row, column] == ["Au", "SrTiO3"].index(name)):
                        w, x, y, z = quaternion[row, column, k]
                        R = flip @ Rotation.from_quat([x, y, z, w]).as_matrix().T
                        right += min(misorientation(R, orientation.as_matrix()), misorientation(
                            np.diag([-1, -1, 1]) @ R, orientation.as_matrix())) < 2
                both += right == 2
        self.assertGreaterEqual(both, 0.9 * (ROWS - 1) * COLUMNS)
        share = found["overlapping/share/data"][()][1:]
        np.testing.assert_allclose(share.sum(axis=-1), 1, atol=1e-9)

    def test_more_candidates_than_there_are(self):
        write(self.folder / "peaks.h5")
        _, found = self.run_study("match.candidates=100", "library.templates.step_deg=15")
        self.assertLess(found["solution_phase/data"].shape[2], 201)
        scores = found["solution_score/data"][()]
        self.assertTrue((np.diff(scores, axis=2)[np.isfinite(scores[..., 1:])] <= 1e-12).all())

    def test_a_measured_particle_is_spinel(self):
        text = (SOURCE / "studies/examples/cathode_orientations/study.yaml").read_text()
        done, found = self.run_study("output=study.h5", text=text.replace("../../..", str(SOURCE)))
        self.assertIn("zone_axis [", done.stdout)
        phase = found["phase_id/data"][()]
        names = [found[f"metadatabundle/phases/names/{i}"][()].decode() for i in range(3)]
        self.assertEqual(names, ["Li2MnO3", "LiCoO2", "LiMn2O4"])
        # known of it: what is not spinel is at the edge, and the middle is one crystal
        record("Orientations", "cathode particle: share of indexed positions that are spinel",
               "data/scans/cathode_peaks.h5", np.mean(phase[phase >= 0] == 2), low=0.95)
        self.assertTrue((phase[8:20, 6:13] == 2).all())
        right = found["misorientation/right/data"][8:20, 6:12]
        twin = found["misorientation/twin_right/data"][8:20, 6:12]
        self.assertTrue(((right < 6) | (twin == 0)).all())
        self.assertLess(np.median(found["residual/data"][8:20, 6:13]), 0.025)

    def test_a_scan_that_another_program_simulated(self):
        # two phases, seen along fixed zones and turned in the plane; 300 electrons a pattern
        source = "simulated scan of two phases, 1024 positions"
        if not SIMULATED.exists():
            not_at_hand("Orientations", "from the patterns to the map", source)
            self.skipTest(f"{SIMULATED} is not there")
        scan = np.load(SIMULATED)
        np.save(self.folder / "scan.npy", scan["data"])
        (self.folder / "disks.yaml").write_text(
            "study: disks\nscan: {file: scan.npy, pixel_invA: 0.0421875}\n"
            "disks:\n  template: {radius_px: 1.6, edge_px: 0.8}\n"
            "  detection: {min_significance: 2, min_spacing_px: 4}\n")
        self.assertEqual(run("run", "disks.yaml", "--output", "peaks.h5", cwd=self.folder).returncode, 0)
        cells = {"hexagonal": (2.46, 3.35, 120, "P 6/m m m", "C1 C 0.333333 0.666667 0"),
                 "square": (4.06, 4.06, 90, "F m -3 m", "Al1 Al 0 0 0")}
        for name, (a, c, gamma, group, atom) in cells.items():
            (self.folder / f"{name}.cif").write_text(
                f"data_{name}\n_cell_length_a {a}\n_cell_length_b {a}\n_cell_length_c {c}\n"
                f"_cell_angle_alpha 90\n_cell_angle_beta 90\n_cell_angle_gamma {gamma}\n"
                f"_space_group_name_H-M_alt '{group}'\nloop_\n_atom_site_label\n"
                "_atom_site_type_symbol\n_atom_site_fract_x\n_atom_site_fract_y\n"
                f"_atom_site_fract_z\n{atom}\n")
        _, found = self.run_study(text="""\
study: match
peaks: {file: peaks.h5, origin_px: [31.5, 31.5]}
library:
  templates:
    energy_keV: 300
    step_deg: 3
    g_max_invA: 1.3
    phases: {hexagonal: {cif: hexagonal.cif}, square: {cif: square.cif}}
match: {position_tolerance_invA: 0.05, least_score: 0.3}
""")
        phase = found["phase_id/data"][()]
        record("Orientations", "from the patterns to the map: share of right phases", source,
               np.mean(phase == scan["phase_id"]), low=0.99)
        errors = []
        for at in zip(*np.nonzero(phase == scan["phase_id"])):
            R = found["orientation_matrix/data"][at][0]
            across = 2 if phase[at] == 0 else np.argmax(np.abs(R[2]))  # the axis seen from above
            a = R[:, 0 if phase[at] == 0 else (across + 1) % 3]
            fold = (60, 90)[phase[at]]
            turned_by = (np.rad2deg(np.arctan2(a[1], a[0])) - scan["theta"][at]) % fold
            errors.append(max(min(turned_by, fold - turned_by),
                              np.rad2deg(np.arccos(min(1, abs(R[2, across]))))))
        # of the larger: in the plane, or of the zone
        record("Orientations", "from the patterns to the map: median error, degrees", source, np.median(errors),
               high=0.5)

    def test_bad_input(self):
        write(self.folder / "peaks.h5")
        for setting, status, words in [
                ("library.templates.phases={}", 2, "is empty"),
                ("library.templates.phases={Au: {cif: no.cif}}", 3, "no.cif"),
                ("map.twins=[{name: t, phase: Gold, axis: [1, 1, 1], angle_deg: 60}]", 2, "Gold"),
                ("map.twins=[{name: t, phase: Au, axis: [0, 0, 0], angle_deg: 60}]", 2, "[0, 0, 0]"),
                ("calibration={scale: false, ellipse: false, origin: false}", 2, "nothing"),
                ("peaks.file=none.h5", 3, "none.h5")]:
            done = self.run_study(setting, status=status)
            self.assertIn(words, done.stderr)


if __name__ == "__main__":
    unittest.main()
