"""From a matched orientation to a fit and to strain, with the studies that the result of `match` holds."""
import pathlib
import sys
import tempfile
import unittest

import h5py
import numpy as np
from scipy.spatial.transform import Rotation

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from command import CIF, multislice_patterns, run, towards_z, turned, write_peaks

TILT = (3.0, -7.0)  # mrad, the crystal fixed
THICKNESS = 63.0  # Å
DOSE = 1e6
NOISE = 0.002  # 1/Å, of a peak
COLUMNS = 2
MADE = np.array([[0, 0, 1], [1, -1, 0] / np.sqrt(2), [1, 1, 0] / np.sqrt(2)])  # crystal to lab, untilted
TETRAHEDRON = [r.as_matrix() for r in Rotation.create_group("T")]
STUDY = f"""\
study: match
peaks: {{file: peaks.h5}}
library:
  templates: {{energy_keV: 200, step_deg: 4, g_max_invA: 0.9, phases: {{GaAs: {{cif: {CIF}/GaAs.cif}}}}}}
match:
  dynamical:
    thickness_series: {{from_A: 40, to_A: 100, points: 7}}
    tolerance: 0.025
    intensity_error: 0.1
    position_error_invA: {NOISE}
map: {{orientation_files: none, least_positions: 1}}
"""


class HandOver(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.temporary.name)
        self.addCleanup(self.temporary.cleanup)

    def run_study(self, name, text):
        (self.folder / f"{name}.yaml").write_text(text)
        done = run("run", f"{name}.yaml", cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        return h5py.File(self.folder / f"{name}.h5")["pendel"]

    def test_tilt_thickness_and_strain(self):
        hkl, g, intensity = multislice_patterns(self.folder, "GaAs", (1, 1, 0), (0, 0, 1), [TILT], THICKNESS, 200, 0.9)
        random = np.random.default_rng(11)
        turn = np.eye(3)
        turn[:2, :2] = turned(25)
        turn = turn @ towards_z(TILT)
        strained = np.array([[1.012, 0.004], [0.004, 0.995]])  # of the second position, along x and y
        patterns = []
        for column in range(COLUMNS):
            counts = random.poisson(DOSE * intensity[0])
            q = (g @ turn.T)[:, :2] @ (np.eye(2) if column == 0 else np.linalg.inv(strained))
            q = q + NOISE * random.standard_normal(q.shape)
            patterns.append((q[counts > 50], counts[counts > 50]))
        write_peaks(self.folder / "peaks.h5", [patterns])
        found = self.run_study("map", STUDY)
        told = found["metadatabundle/hand_over"]
        fit, strain = (told[f"{name}_0"][()].decode() for name in ("fit", "strain"))
        # the frame: the beam so tilted runs through the crystal as it was made to
        tilt = found["grains/beam_tilt/data"][0]
        zone, x = (found[f"grains/{name}/data"][0].astype(float) for name in ("zone_axis", "x_axis"))
        beam = -zone / np.linalg.norm(zone)  # cubic: axes are directions
        along = x - (x @ beam) * beam
        along /= np.linalg.norm(along)
        aligned = np.array([along, np.cross(beam, along), beam])

        def direction(tilt_x, tilt_y):
            sine = np.sin(1e-3 * np.array([tilt_x, tilt_y]))
            return aligned.T @ np.append(sine, np.sqrt(1 - sine @ sine))

        true = MADE.T @ towards_z(TILT).T[:, 2]
        off = 1e3 * min(np.linalg.norm(s.T @ true - direction(*tilt)) for s in TETRAHEDRON)
        self.assertLess(off, 10)  # mrad: what the fit leaves open

        fitted = self.run_study("fit", fit)
        inside = found["grain_id/data"][0] == 0
        self.assertTrue(inside.any())

        def value(name):
            return [fitted[f"{group}/{name}/data"][()].ravel()[inside] for group in ("parameters", "errors")]

        thickness, error = value("thickness_A.1")
        self.assertTrue((np.abs(thickness - THICKNESS) < 3 * error).all(), (thickness, error))
        self.assertLess(error.max(), 2)
        (tilt_x, error_x), (tilt_y, error_y) = value("beam_tilt_mrad.x"), value("beam_tilt_mrad.y")
        for k in range(inside.sum()):
            incident = direction(tilt_x[k], tilt_y[k])
            off = 1e3 * min(np.linalg.norm(s.T @ true - incident) for s in TETRAHEDRON)
            self.assertLess(off, 3 * np.hypot(error_x[k], error_y[k]))

        # inverse transpose of what the diffraction vectors show, here symmetric
        result = self.run_study("strain", strain)
        for i, j, name in ((0, 0, "e_xx"), (1, 1, "e_yy"), (0, 1, "e_xy")):
            got, error = (result[f"strain/{name}{kind}/data"][0] for kind in ("", "_error"))
            expected = (strained - np.eye(2))[i, j] * inside.nonzero()[0]
            self.assertTrue((np.abs(got - expected) < 4 * error).all(), (name, got, expected, error))


if __name__ == "__main__":
    unittest.main()
