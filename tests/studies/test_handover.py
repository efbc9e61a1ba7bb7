"""From a matched orientation to a fit and to strain, with the studies that the result of `match` holds."""
import pathlib
import sys
import tempfile
import unittest

import h5py
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from command import CIF, multislice_patterns, run, towards_z, turned, write_peaks

TILT = (3.0, -7.0)  # mrad, the crystal fixed
THICKNESS = 63.0  # Å
DOSE = 1e6
NOISE = 0.002  # 1/Å, of a peak
COLUMNS = 2
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
map: {{orientation_files: none}}
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
        # the frame: the crystal so described, turned by the tilt, is the crystal that was made
        tilt = found["grains/beam_tilt/data"][0]
        zone, x = (found[f"grains/{name}/data"][0].astype(float) for name in ("zone_axis", "x_axis"))
        beam = -zone / np.linalg.norm(zone)  # cubic: axes are directions
        along = x - (x @ beam) * beam
        along /= np.linalg.norm(along)
        aligned = np.array([along, np.cross(beam, along), beam])
        sine = np.append(np.sin(tilt * 1e-3), 0)
        sine[2] = np.sqrt(1 - sine @ sine)
        incident = aligned.T @ sine  # in the crystal, up to its symmetry
        true = np.array([[0, 0, 1], [1, -1, 0] / np.sqrt(2), [1, 1, 0] / np.sqrt(2)]).T @ np.linalg.inv(
            towards_z(TILT))[:, 2]
        np.testing.assert_allclose(np.sort(np.abs(incident)), np.sort(np.abs(true)), atol=2e-3)

        fitted = self.run_study("fit", fit)
        errors = fitted["errors"]
        names = [name for name in fitted["parameters"] if name.startswith("thickness")]
        values, error = (fitted[f"{group}/{names[0]}/data"][()].ravel() for group in ("parameters", "errors"))
        print(fit, strain, values, error)
        self.assertTrue((np.abs(values - THICKNESS) < 3 * error + 0.005 * THICKNESS).all())
        for name in ("x", "y"):
            print(fitted[f"parameters/beam_tilt_mrad.{name}/data"][()], errors[f"beam_tilt_mrad.{name}/data"][()])
        result = self.run_study("strain", strain)
        print(list(result), )
        for name in ("exx", "eyy", "exy", "strain"):
            if name in result: print(name, result[name + "/data"][()])


if __name__ == "__main__":
    unittest.main()
