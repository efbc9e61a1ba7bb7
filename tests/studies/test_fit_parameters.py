"""Every kind of parameter by its keys: fits of a simulated scan of tilted PbTiO3 find what made it."""
import pathlib
import tempfile
import unittest

import h5py
import numpy as np

import command

POLAR = f"""\
crystals:
  PTO:
    cif: {command.CIF}/PbTiO3.cif
    modes:
      Ti: {{unique_site: {{site: Ti1, displacement_A: [0, 0, 0.1]}}}}
    born_charges: {{Pb1: [3.9, 3.9, 3.9], Ti1: [7.1, 7.1, 7.1], O1: [-2.6, -2.6, -5.8],
                   "O2#1": [-5.8, -2.6, -2.6], "O2#2": [-2.6, -5.8, -2.6]}}
specimen:
  beam_direction: [1, 0, 0]
  x_axis: [0, 1, 0]
  layers: [{{crystal: PTO, cells: 24}}]
beam: {{energy_keV: 200}}
engine: {{kind: bloch, g_max_invA: 1.1, zero_order_only: true, absorption: proportional}}
"""
PATTERN = "study: pattern\n" + POLAR + "pattern:\n  g_max_invA: 0.8\n  tilts_mrad: TILTS\n"
FIT = ("study: fit\ndata: {file: scan.h5, truth: truth, dose: 1.0e+7}\n" + POLAR +
       "fit:\n  scale: fixed\n  search: {method: multistart, samples: 60, starts: 2, scan_positions: 6}\n"
       "  beam_tilt_mrad: {range: [-4, 4]}\n")


STACK = f"""\
crystals:
  STO: {{cif: {command.CIF}/SrTiO3_stack.cif}}
  PTO: {{cif: PTO_CIF}}
specimen: {{beam_direction: [0, 0, 1], x_axis: [1, 0, 0], layers: [{{crystal: STO, cells: 10}}, {{crystal: PTO, cells: 10}}]}}
beam: {{energy_keV: 300, semiangle_mrad: SEMIANGLE}}
engine: {{kind: splitstep, g_max_invA: GMAX, slice_A: SLICE, absorption: proportional}}
"""


class FitParameters(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.temporary.name)
        random = np.random.default_rng(3)
        tilt = random.uniform(-3, 3, (6, 2)).round(6)
        tilts = "[" + ", ".join(f"[{x}, {y}]" for x, y in tilt) + "]"
        (cls.folder / "scan.yaml").write_text(PATTERN.replace("TILTS", tilts))
        done = command.run("run", "scan.yaml", "--output", "pattern.h5", cwd=cls.folder)
        assert done.returncode == 0, done.stderr
        with h5py.File(cls.folder / "pattern.h5") as made, h5py.File(cls.folder / "scan.h5", "w") as scan:
            intensity = made["pendel/intensity/data"][:, 0, :]
            scan["intensity"] = random.poisson(1e7 * intensity).astype(float).reshape(2, 3, -1)
            scan["hkl"] = made["pendel/hkl/data"][()]
            for axis, name in enumerate("xy"):
                scan[f"truth/beam_tilt_mrad.{name}"] = tilt[:, axis].reshape(2, 3)

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def fit(self, keys, *arguments):
        (self.folder / "fit.yaml").write_text(FIT + keys)
        return command.run("run", "fit.yaml", *arguments, cwd=self.folder)

    def recovered(self, keys, truth):
        done = self.fit(keys)
        self.assertEqual(done.returncode, 0, done.stderr)
        with h5py.File(self.folder / "fit.h5") as file:
            for name, value in truth.items():
                with self.subTest(name=name):
                    fitted = file[f"pendel/parameters/{name}/data"][()]
                    error = file[f"pendel/errors/{name}/data"][()]
                    # six positions at most: 4.5 standard errors come once in 20000 runs
                    self.assertTrue((np.abs(fitted - value) < 4.5 * error).all(),
                                    f"{name}: {fitted} ± {error}, true {value}")
                    self.assertTrue((error > 0).all())
        return done

    def test_motion_and_occupancy(self):
        self.recovered(
            "  debye_waller_B_A2: [{crystal: PTO, element: Pb, range: [0.5, 1.6]}]\n"
            "  anisotropic_U_A2: [{crystal: PTO, site: Ti1, component: zz, range: [0.001, 0.01]}]\n"
            "  occupancy: [{crystal: PTO, site: O1, range: [0.7, 1.2]}]\n",
            {"debye_waller_B_A2.PTO.Pb": 1.0, "anisotropic_U_A2.PTO.Ti1.zz": 0.4 / (8 * np.pi**2),
             "occupancy.PTO.O1": 1.0})

    def test_strain_and_a_structure_factor(self):
        self.recovered(
            "  strain_in_plane: [{component: xx, range: [-0.02, 0.02], per: scan}]\n"
            "  structure_factor_invA2:\n"
            "    - {crystal: PTO, hkl: [0, 1, 1], part: quadrature, range: [-0.02, 0.02]}\n",
            {"strain_in_plane.xx": 0, "structure_factor_invA2.PTO.0,1,1.quadrature": 0})

    def test_a_mode_in_units_of_polarization(self):
        done = self.recovered("  modes: [{crystal: PTO, mode: Ti, range: [-1, 1]}]\n",
                              {"polarization.PTO.Ti": 0})
        # 7.1 e · 0.1 Å in a cell, along lab y (c of the crystal), which turns with the frame's hand
        unit = 1602.176634 * 7.1 * 0.1 / (3.902**2 * 4.156)
        self.assertIn("polarization_uCcm2.PTO.y: median", done.stdout)
        with h5py.File(self.folder / "fit.h5") as file:
            P = {axis: file[f"pendel/derived/polarization_uCcm2.PTO.{axis}/data"][()] for axis in "xyz"}
            error = file["pendel/derived/polarization_uCcm2.PTO.y.error/data"][()]
            amplitude = file["pendel/parameters/polarization.PTO.Ti/data"][()]
            sigma = file["pendel/errors/polarization.PTO.Ti/data"][()]
        np.testing.assert_allclose(np.abs(P["y"]), unit * np.abs(amplitude), rtol=1e-9)
        np.testing.assert_allclose(error, unit * sigma, rtol=1e-9)
        self.assertLess(np.abs(P["x"]).max() + np.abs(P["z"]).max(), 1e-9)

    def test_sublayers_and_a_prior_that_ties_them(self):
        done = self.fit("  modes: [{crystal: PTO, mode: Ti, range: [-1, 1], sublayers: 2}]\n"
                        "  thickness_A: [{layer: 1, range: [80, 110]}]\n"
                        "  priors: [{parameter: polarization, kind: sublayers, sigma: 0.05}]\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        with h5py.File(self.folder / "fit.h5") as file:
            names = set(file["pendel/parameters"])
            self.assertLessEqual({"polarization.PTO.Ti.1of2", "polarization.PTO.Ti.2of2"}, names)
            self.assertLessEqual({"polarization_uCcm2.PTO.y.1of2", "polarization_uCcm2.PTO.y.2of2"},
                                 set(file["pendel/derived"]))
            thickness = file["pendel/parameters/thickness_A.1/data"][()]
            error = file["pendel/errors/thickness_A.1/data"][()]
            self.assertTrue((np.abs(thickness - 24 * 3.902) < 4.5 * error).all())
            both = [file[f"pendel/parameters/polarization.PTO.Ti.{k}of2/data"][()] for k in (1, 2)]
            self.assertLess(np.abs(both[0] - both[1]).max(), 4 * 0.05)  # of the prior

    def recovered_from_a_stack(self, keys, truth, shift=(0, 0), semiangle=1.6):
        """Fits a scan of SrTiO3/PbTiO3, the second layer shifted [Å], simulated with finer slices and grid."""
        def stack(cif, angle, g_max, slices):
            return (STACK.replace("PTO_CIF", str(cif)).replace("SEMIANGLE", str(angle))
                    .replace("GMAX", str(g_max)).replace("SLICE", str(slices)))
        plain = command.CIF / "PbTiO3_stack.cif"
        lines = []
        for line in plain.read_text().splitlines():
            word = line.split()
            if len(word) == 7:  # an atom: label, element, x, y, z, occupancy, B
                word[2:4] = (f"{float(x) + s / 3.905:.9f}" for x, s in zip(word[2:4], shift))
            lines.append(" ".join(word))
        (self.folder / "shifted.cif").write_text("\n".join(lines) + "\n")
        random = np.random.default_rng(8)
        tilt = random.uniform(-3, 3, (4, 2)).round(6)
        tilts = "[" + ", ".join(f"[{x}, {y}]" for x, y in tilt) + "]"
        (self.folder / "stack.yaml").write_text(
            "study: pattern\n" + stack(self.folder / "shifted.cif", semiangle, 5, 0.66) +
            f"pattern:\n  g_max_invA: 1.1\n  tilts_mrad: {tilts}\n")
        made = command.run("run", "stack.yaml", cwd=self.folder)
        self.assertEqual(made.returncode, 0, made.stderr)
        with h5py.File(self.folder / "stack.h5") as made, h5py.File(self.folder / "stack_scan.h5", "w") as scan:
            scan["intensity"] = random.poisson(1e6 * made["pendel/intensity/data"][:, 0, :]).astype(float)
            scan["hkl"] = made["pendel/hkl/data"][()]
        (self.folder / "fit.yaml").write_text(
            "study: fit\ndata: {file: stack_scan.h5, dose: 1.0e+6}\n" + stack(plain, 1.6, 4, 2) +
            "fit:\n  beam_tilt_mrad: {range: [-4, 4]}\n"
            "  search: {method: multistart, samples: 100, starts: 2}\n  checks: {bootstrap_positions: 0}\n" + keys)
        done = command.run("run", "fit.yaml", cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        tilts = {f"beam_tilt_mrad.{letter}": tilt[:, axis] for axis, letter in enumerate("xy")}
        with h5py.File(self.folder / "fit.h5") as file:
            for name, value in {**tilts, **truth}.items():
                fitted = file[f"pendel/parameters/{name}/data"][()]
                error = file[f"pendel/errors/{name}/data"][()]
                self.assertTrue((np.abs(fitted - value) < 4.5 * error).all(),
                                f"{name}: {fitted} ± {error}, true {value}")
                if name in truth:  # and known well enough to tell it from nothing
                    self.assertTrue((error < 0.1 * np.abs(value)).all(), f"{name}: {fitted} ± {error}")

    def test_a_shifted_layer(self):
        self.recovered_from_a_stack("  registry_A:\n    - {layer: 2, axis: x, range: [-0.5, 0.5]}\n"
                                    "    - {layer: 2, axis: y, range: [-0.5, 0.5]}\n",
                                    {"registry_A.2.x": 0.15, "registry_A.2.y": -0.08}, shift=(0.15, -0.08))

    def test_a_wider_probe(self):
        self.recovered_from_a_stack("  semiangle_mrad: {range: [1.2, 2.4]}\n", {"semiangle_mrad": 1.9},
                                    semiangle=1.9)

    def test_what_cannot_be_is_refused(self):
        for keys, message in (
                ("  occupancy: [{crystal: PTO, site: Zr1}]\n", "no site 'Zr1'; its labels are Pb1, Ti1, O1, O2"),
                ("  anisotropic_U_A2: [{crystal: PTO, site: Ti1, component: xz, range: [0, 1]}]\n",
                 "U_xz of site Ti1 of PTO is 0 by the symmetry"),
                ("  modes: [{crystal: PTO, mode: Ti, sublayers: 25}]\n", "it has 24 repeats along the beam"),
                ("  registry_A: [{layer: 2, axis: x, range: [-1, 1]}]\n", "allowed: 1 to 1, the number of layers"),
                ("  structure_factor_invA2: [{crystal: PTO, hkl: [0, 0, 40], range: [0, 1]}]\n",
                 r"(0 0 40)")):
            with self.subTest(keys=keys):
                done = self.fit(keys)
                self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
                self.assertIn(message, done.stderr)


if __name__ == "__main__":
    unittest.main()
