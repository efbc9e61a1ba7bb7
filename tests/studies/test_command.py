"""The command as a user meets it: results that other programs open, and wrong input of every kind."""
import json
import os
import pathlib
import re
import resource
import subprocess
import sys
import tempfile
import unittest

import command
import h5py
import numpy as np

CIF_TRAPS = command.SOURCE / "tests" / "data" / "cif"


class Command(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.folder = pathlib.Path(place.name)

    def run_pendel(self, *arguments, **options):
        return command.run(*arguments, cwd=self.folder, **options)

    def fit(self):
        """Writes scan.h5 and fit.yaml."""
        command.write_scan(self.folder, 2, 3)
        (self.folder / "fit.yaml").write_text(command.FIT)

    def fails(self, status, pattern, *arguments, **options):
        """One line on stderr, nothing of a result left behind."""
        done = self.run_pendel(*arguments, **options)
        self.assertEqual(done.returncode, status, done.stderr + done.stdout)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertRegex(done.stderr, pattern)
        self.assertEqual([p.name for p in self.folder.glob("fit.h5*") if p.suffix != ".partial"], [])

    # --- what is made

    def test_every_kind_of_new_study_is_valid_and_runs(self):
        kinds = json.loads(self.run_pendel("schema").stdout)["properties"]["study"]["enum"]
        long = {"fit", "plan", "match", "calibrate"}  # seconds each: tests/docs runs them
        for kind in kinds:
            text = self.run_pendel("new", kind).stdout
            self.assertIn("# The files named here ship with Pendel; put yours in their place.", text)
            (self.folder / f"{kind}.yaml").write_text(text)
            done = self.run_pendel("check" if kind in long else "run", f"{kind}.yaml")
            self.assertEqual(done.returncode, 0, done.stderr)
            uncommented = re.sub(r"(?m)^# (?=( *- | *)\w+:)", "  ", text)
            self.assertIn("  output:", uncommented)

    def test_keys_and_schema(self):
        for kind in "pattern", "stem", "fit":
            keys = self.run_pendel("keys", kind).stdout
            self.assertIn("| `specimen.layers[].thickness_A` | number | Å | above 0 |", keys)
            rows = [line for line in keys.splitlines() if line.startswith("| `")]
            self.assertEqual({line.count(" | ") for line in rows}, {5})
        documented = (command.SOURCE / "docs" / "studies.md").read_text()
        self.assertEqual(documented, self.run_pendel("keys").stdout,
                         "docs/studies.md is out of date: pendel keys > docs/studies.md")
        schema = json.loads(self.run_pendel("schema").stdout)
        self.assertEqual(schema["properties"]["study"]["enum"], ["pattern", "stem", "fit", "plan", "images", "calibrate", "disks", "classify", "strain", "flow", "library", "match"])

    def test_result_of_a_fit(self):
        self.fit()
        done = self.run_pendel("run", "fit.yaml")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stderr, "")
        self.assertRegex(done.stdout, r"positions: 6, converged 6 \(100.0 %\), no data 0; χ² per degree of "
                                      r"freedom: median [\d.]+; [\d.]+ ms CPU per position")
        self.assertRegex(done.stdout, r"beam_tilt_mrad.x +mrad +0\.0\d+")
        with h5py.File(self.folder / "fit.h5") as file:
            self.assertEqual(file.attrs["emd_group_type"], "file")
            self.assertEqual((file.attrs["version_major"], file.attrs["version_minor"]), (1, 0))
            root = file["pendel"]
            self.assertEqual(root.attrs["emd_group_type"], "root")
            self.assertEqual(root.attrs["python_class"], "Root")
            for axis in "xy":
                node = root[f"parameters/beam_tilt_mrad.{axis}"]
                self.assertEqual(node.attrs["emd_group_type"], "array")
                self.assertEqual(node["data"].attrs["units"], "mrad")
                self.assertEqual([node[f"dim{i}"].attrs["name"] for i in (0, 1)], ["row", "column"])
                error = node["data"][()] - root[f"truth/beam_tilt_mrad.{axis}/data"][()]
                sigma = root[f"errors/beam_tilt_mrad.{axis}/data"][()]
                # 12 values of a unit normal: the largest exceeds 4 once in 1300 scans
                self.assertLess(np.abs(error / sigma).max(), 4)
                # statistics and, added to it, what this coarse engine (slices of 4 Å) leaves out
                shift = root[f"metadatabundle/convergence/beam_tilt_mrad.{axis}"][()]
                self.assertGreater(shift, 0)
                self.assertTrue((sigma > shift).all())
                self.assertTrue((np.sqrt(sigma**2 - shift**2) < 0.05).all())
            self.assertEqual(root["status/data"].dtype, np.int32)
            self.assertEqual(root["fitted/data"].shape, (2, 3, len(root["hkl/data"])))
            study = root["metadatabundle/study/yaml"].asstr()[()]
            provenance = root["metadatabundle/provenance"]
            for key in "version", "git_hash", "host", "date", "wall_time_s", "cpu_time_s":
                self.assertIn(key, provenance)
            self.assertRegex(provenance["input_sha256/1"].asstr()[()], r"scan.h5 [0-9a-f]{64}$")
        # the study in the result is complete: it gives the same result again
        (self.folder / "again.yaml").write_text(study)
        self.assertIn("proportional_absorption: 0.1", study)
        self.assertEqual(self.run_pendel("run", "again.yaml", "--quiet").stdout, "")
        with h5py.File(self.folder / "fit.h5") as a, h5py.File(self.folder / "again.h5") as b:
            name = "pendel/parameters/beam_tilt_mrad.x/data"
            np.testing.assert_array_equal(a[name][()], b[name][()])
        self.assertIn("parameters/beam_tilt_mrad.x", self.run_pendel("info", "fit.h5").stdout)

    def test_pattern_of_a_polar_stack_against_an_independent_multislice(self):
        with h5py.File(command.SOURCE / "data" / "scans" / "sto_pto_trilayers.h5") as scan:
            truth = {name: values[()] for name, values in scan["truth"].items()}
            hkl, counts = scan["hkl"][()], scan["counts"][()]
        for position, direction in ((0, "beam_direction: [0, 0, 1]"), (7, "zone_axis: [0, 0, -1]")):
            value = {name: float(values[position]) for name, values in truth.items()}
            layers = [f"{{crystal: {name}, thickness_A: {value[f'thickness_A.{number}']}}}"
                      for number, name in enumerate(("STO", "PTO", "STO"), 1)]
            layers[1] = layers[1][:-1] + (f", modes: {{x: {value['polarization.PTO.x']}, "
                                          f"y: {value['polarization.PTO.y']}}}}}")
            modes = ", ".join(f"{a}: {{polar_cif: {command.CIF}/PbTiO3_stack_polar_{a}.cif}}" for a in "xy")
            (self.folder / "p.yaml").write_text(f"""\
study: pattern
crystals:
  STO: {{cif: {command.CIF}/SrTiO3_stack.cif}}
  PTO: {{cif: {command.CIF}/PbTiO3_stack.cif, modes: {{{modes}}}}}
specimen:
  {direction}
  layers: [{', '.join(layers)}]
beam:
  energy_keV: 300
  semiangle_mrad: 1.75
  tilt_mrad: [{value['beam_tilt_mrad.x']}, {value['beam_tilt_mrad.y']}]
pattern: {{g_max_invA: 1.21}}
""")
            done = self.run_pendel("run", "p.yaml")
            self.assertEqual(done.returncode, 0, done.stderr)
            with h5py.File(self.folder / "p.h5") as file:
                beams = map(tuple, file["pendel/hkl/data"][()])
                found = dict(zip(beams, file["pendel/intensity/data"][0]))
            calculated = np.array([found[tuple(index)] for index in hkl])
            # Counts of 1e5 electrons on a background of 2. χ² per disk has a spread of 0.17 by chance;
            # a wrong sign of tilt or displacement makes it more than 100.
            expected = 1e5 * value["scale"] * calculated + 2
            chi2 = ((counts[position] - expected) ** 2 / expected).mean()
            self.assertLess(chi2, 1 + 5 * 0.17)

    def test_tilt_series(self):
        (self.folder / "p.yaml").write_text(command.PATTERN.replace("TILTS", "[[1, 0], [-1, 0], [0, 0]]"))
        self.assertEqual(self.run_pendel("run", "p.yaml").returncode, 0)
        with h5py.File(self.folder / "p.h5") as file:
            root = file["pendel"]
            intensity, hkl = root["intensity/data"][:, 0], root["hkl/data"][()]
            amplitude = root["amplitude_real/data"][:, 0] + 1j * root["amplitude_imaginary/data"][:, 0]
            np.testing.assert_array_equal(root["beam_tilt/data"][()], [[1, 0], [-1, 0], [0, 0]])
        np.testing.assert_allclose(np.abs(amplitude) ** 2, intensity, rtol=1e-12)
        opposite = [int(np.flatnonzero((hkl == -index).all(axis=1))[0]) for index in hkl]
        # The specimen has a twofold axis along the beam. The even grid of waves, which holds -n/2 and
        # not n/2, breaks it by 4e-5 at this small g_max.
        np.testing.assert_allclose(intensity[0], intensity[1][opposite], rtol=0, atol=2e-4)
        self.assertGreater(np.abs(intensity[0] - intensity[1]).max(), 1e-3)
        done = self.run_pendel("run", "p.yaml", "--set", "pattern.tilts_mrad=~",
                               "--set", "pattern.tilt_grid={half_width_mrad: 1, points: 3}")
        self.assertEqual(done.returncode, 0, done.stderr)
        with h5py.File(self.folder / "p.h5") as file:
            grid = file["pendel/intensity/data"][:, 0]
        np.testing.assert_allclose(grid[[5, 3, 4]], intensity, rtol=1e-12)

    def test_plot_without_its_python(self):
        self.fit()
        self.fails(3, "^nothing/python cannot be run or lacks .* set PENDEL_PYTHON", "plot", "scan.h5",
                   env={"PENDEL_PYTHON": "nothing/python"})
        self.fails(3, "lacks numpy, h5py, matplotlib or pendel_plot", "plot", "scan.h5",
                   env={"PENDEL_PYTHON": "/bin/false"})

    def test_beams_as_indices_of_the_zone_and_positions_in_a_line(self):
        self.fit()
        with h5py.File(self.folder / "scan.h5", "r+") as scan:
            scan["hk"] = scan["hkl"][:, :2]  # along [001] with x along a: b1 = a*, b2 = b*
            scan["line"] = scan["intensity"][()].reshape(6, -1)
        done = self.run_pendel("run", "fit.yaml", "--set", "data.beams=hk", "--set", "data.intensity=line",
                               "--set", "data.truth=~", "--set", "data.scan_step_A=2.5", "--set", "engine.kind=bloch",
                               "--set", "engine.g_max_invA=1.5", "--set", "fit.search.samples=30")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("engine: bloch", done.stdout)
        self.assertIn("converged 6 (100.0 %)", done.stdout)
        with h5py.File(self.folder / "fit.h5") as file:
            self.assertEqual(file["pendel/chi2/data"].shape, (6,))
            np.testing.assert_allclose(file["pendel/chi2/dim0"][:2], [0, 2.5])
            self.assertEqual(file["pendel/chi2/dim0"].attrs["units"], "Å")

    def test_missing_intensities(self):
        self.fit()
        with h5py.File(self.folder / "scan.h5", "r+") as scan:
            scan["intensity"][0, 0, 5] = np.nan   # one disk: the position is fitted without it
            scan["intensity"][1, 2, 2:] = np.nan  # too few are left
        done = self.run_pendel("run", "fit.yaml")
        self.assertIn("positions: 6, converged 5 (83.3 %), no data 1;", done.stdout)
        with h5py.File(self.folder / "fit.h5") as file:
            self.assertEqual(file["pendel/status/data"][1, 2], 2)
            tilt = file["pendel/parameters/beam_tilt_mrad.x/data"][()]
            self.assertTrue(np.isnan(tilt[1, 2]))
            self.assertEqual(np.isfinite(tilt).sum(), 5)

    def test_parameters_of_the_whole_scan(self):
        self.fit()
        study = command.FIT + "  thickness_A: [{layer: 1, range: [110, 125], per: scan}]\n"
        (self.folder / "fit.yaml").write_text(study)
        done = self.run_pendel("run", "fit.yaml", "--set", "specimen.layers.0.cells=29")
        self.assertEqual(done.returncode, 0, done.stderr)
        with h5py.File(self.folder / "fit.h5") as file:
            thickness = file["pendel/parameters/thickness_A.1/data"][0]
            error = file["pendel/errors/thickness_A.1/data"][0]
        self.assertLess(error, 0.2)
        self.assertAlmostEqual(thickness, 30 * 3.9045, delta=4 * error + 0.05)

    def test_info(self):
        self.fit()
        text = self.run_pendel("info", command.CIF / "SrTiO3.cif").stdout
        self.assertRegex(text, r"cell +3\.90\d* 3\.90\d* 3\.90\d* Å, 90 90 90°")
        self.assertRegex(text, r"contains +O3 Sr1 Ti1")
        self.assertIn("point group m-3m", text)
        (self.folder / "map.ctf").write_text(
            "Channel Text File\nPhases\t1\n3.2;3.2;5.2\t90;90;120\tMg\t9\t194\n"
            "Phase\tX\tY\tEuler1\tEuler2\tEuler3\n" +
            "".join(f"{p}\t{x}\t0\t10\t20\t30\n" for x, p in ((0, 1), (0.5, 1), (1, 1), (1.5, 0))))
        text = self.run_pendel("info", "map.ctf").stdout
        self.assertRegex(text, r"1 x 4 positions \(rows x columns\), step 5000 Å")
        self.assertRegex(text, r"Mg, 6/mmm, 3.2 3.2 5.2 Å, 90 90 120°, 75 % of the positions")
        self.assertRegex(text, r"not indexed +25 %")
        self.assertRegex(self.run_pendel("info", "scan.h5").stdout, r"/intensity +float64 +\(2, 3, 29\)")
        self.assertIn("fit: 6 positions, 29 disks", self.run_pendel("info", "fit.yaml").stdout)
        self.assertFalse((self.folder / "fit.h5").exists())
        (self.folder / "fit.txt").write_text("x")
        self.fails(3, "^fit.txt: is of no format that Pendel knows", "info", "fit.txt")

    def complete(self, script, *words):
        """What bash offers for the last word."""
        line = " ".join(f"'{word}'" for word in words)
        done = subprocess.run(["bash", "-c", f"source {script}; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; "
                               '_pendel; printf "%s\\n" "${COMPREPLY[@]}"'], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return set(done.stdout.split())

    def test_help_completion_and_manual_agree(self):
        script = self.folder / "completion"
        script.write_text(self.run_pendel("completion").stdout)
        manual = self.run_pendel("man").stdout.replace("\\-", "-")
        commands = set(re.findall(r"(?m)^  ([a-z]+) ", self.run_pendel("--help").stdout.split("Subcommands:")[1]))
        self.assertEqual(len(commands), 10)
        self.assertEqual({word for word in self.complete(script, "pendel", "") if word[0] != "-"}, commands)
        for command_name in commands:
            with self.subTest(command_name):
                text = self.run_pendel(command_name, "--help").stdout
                self.assertIn(f"Example:\n  pendel {command_name}", text.replace("source <(", ""))
                options = set(re.findall(r"(?m)(?<=[ ,])--?[a-z][a-z-]*", "\n".join(
                    line[:28] for line in text.splitlines() if line.startswith("  -"))))
                self.assertIn("--help", options)
                self.assertEqual(self.complete(script, "pendel", command_name, "-"), options)
                section = re.search(rf"(?s)\n\.SS {command_name}\n(.*?)(?=\n\.S[SH])", manual).group(1)
                documented = set(re.findall(r"--?[a-z][a-z-]*", " ".join(
                    re.findall(r"\.TP\n\\fB(-.*?)\\fR", section))))
                self.assertEqual(documented, options)
        kinds = self.complete(script, "pendel", "new", "")
        self.assertEqual(len(kinds), 12)
        self.assertEqual(self.complete(script, "pendel", "plot", "x.h5", "--format", "p"), {"png", "pdf"})
        self.assertEqual(self.complete(script, "pendel", "run", "--set", ""), set())  # then names of files

    def test_plot_hands_on_what_its_python_knows(self):
        """The options of `pendel plot` are stated by the command and by pendel_plot."""
        done = subprocess.run([os.environ.get("PENDEL_PYTHON", sys.executable), "-m", "pendel_plot", "--help"],
                              cwd=command.SOURCE / "python", capture_output=True, text=True)
        def options(text):
            return set(re.findall(r"--[a-z]+", "\n".join(re.findall(r"(?m)^ +-.*", text))))
        self.assertEqual(options(done.stdout), options(self.run_pendel("plot", "--help").stdout))
        self.fails(3, "none.h5", "plot", "none.h5", "-o", "figures")

    # --- what is wrong

    def test_wrong_studies(self):
        self.fit()
        where = "^fit.yaml:"
        for replaced, by, pattern in (
                ("energy_keV: 300", "energy_kev: 300",
                 where + r"7:8: beam.energy_kev: unknown key; .*did you mean energy_keV\?$"),
                ("cells: 30", "thickness_nm: 12",
                 where + r"6:27: specimen.layers.0.thickness_nm: .*its unit is Å: write thickness_A$"),
                ("crystal: STO", "crystal: STA",
                 where + r"6:22: specimen.layers.0.crystal: there is no 'STA'; there are: STO; did you"),
                ("search:", "noise: gaussian\n  search:", where + r"11:10: fit.noise: gaussian noise needs"),
                ("search:", "thickness_A: [{layer: 1, range: [1, 2]}, {layer: 1, range: [1, 2]}]\n  search:",
                 where + r"11:44: fit.thickness_A.1: layer 1 is fitted already; remove one$"),
                ("range: [-4, 4]", "range: [4, -4]",
                 where + r"10:27: fit.beam_tilt_mrad.range: must increase"),
                ("study: fit", "study: fits",
                 where + r"1:8: study: is 'fits'; allowed: pattern, stem, fit, plan, images, calibrate, disks, classify, strain, flow, library, match; did you mean fit\?$"),
                ("beam_tilt_mrad: {range: [-4, 4]}", "noise: poisson",
                 where + r"10:3: fit: names nothing to fit")):
            (self.folder / "fit.yaml").write_text(command.FIT.replace(replaced, by))
            with self.subTest(by):
                self.fails(2, pattern, "run", "fit.yaml")
        (self.folder / "fit.yaml").write_text(command.FIT + "colour: red\nengine2: 1\n")
        done = self.run_pendel("check", "fit.yaml")
        self.assertEqual((done.returncode, len(done.stderr.splitlines())), (2, 2))
        self.fails(2, "^nothing.yaml: cannot be read: No such file", "run", "nothing.yaml")

    def test_wrong_crystals(self):
        self.fit()
        for cif, pattern in (
                (self.folder / "nothing.cif", r"nothing.cif: there is no such file$"),
                (CIF_TRAPS / "no_atoms.cif", r"no_atoms.cif: .*atom"),
                (CIF_TRAPS / "unknown_element.cif", r"unknown_element.cif:14: .*no element")):
            with self.subTest(cif.name):
                self.fails(3, pattern, "run", "fit.yaml", "--set", f"crystals.STO.cif={cif}")

    def test_wrong_data(self):
        self.fit()
        whole = (self.folder / "scan.h5").read_bytes()

        def changed(change):
            (self.folder / "scan.h5").write_bytes(whole)
            with h5py.File(self.folder / "scan.h5", "r+") as scan:
                change(scan)

        def replace(name, values):
            def change(scan):
                del scan[name]
                scan[name] = values
            return change

        with h5py.File(self.folder / "scan.h5") as scan:
            intensity, hkl = scan["intensity"][()], scan["hkl"][()]
        outside, far = hkl.copy(), hkl.copy()
        outside[3], far[3] = (1, 0, 3), (12, 0, 0)
        for change, pattern in (
                (replace("intensity", intensity[:0]),
                 r"intensity: has the shape \(0, 3, 29\): the scan has no position"),
                (replace("intensity", intensity[..., :7]),
                 r"intensity: has the shape \(2, 3, 7\); needed:"),
                (replace("intensity", intensity * np.nan),
                 r"intensity: holds no number: every intensity is NaN"),
                (replace("intensity", -intensity),
                 r"intensity: holds -.*; counts \(fit.noise: poisson\)"),
                (replace("intensity", "words"),
                 r"intensity: holds text values; numbers are needed"),
                (replace("hkl", outside),
                 r"hkl: beam \(1 0 3\) is not in the model: it is not in the zero-order zone"),
                (replace("hkl", far),
                 r"hkl: beam \(12 0 0\) is not in the model: its \|g\| = 3.07\d* 1/Å"),
                (replace("hkl", hkl + 0.5), r"hkl: holds -?\d*.5; indices are integers"),
                (replace("hkl", hkl * 0), r"hkl: beam \(0 0 0\) is there twice"),
                (lambda scan: scan.pop("hkl"), r"hkl: there is no such dataset; the file has: /intensity"),
                (lambda scan: scan.pop("truth"), r"truth: there is no such group")):
            changed(change)
            with self.subTest(pattern):
                self.fails(3, r"^scan.h5: " + pattern, "run", "fit.yaml")
        changed(lambda scan: scan.create_dataset("variance", data=-intensity))
        self.fails(3, r"^scan.h5: variance: holds -.* beside an intensity; a variance is above 0$",
                   "run", "fit.yaml", "--set", "data.variance=variance", "--set", "fit.noise=gaussian")
        (self.folder / "scan.h5").write_bytes(whole[: len(whole) // 2])
        self.fails(3, r"^scan.h5: this HDF5 file is truncated or damaged$", "run", "fit.yaml")
        (self.folder / "scan.h5").write_text("no HDF5")
        self.fails(3, r"^scan.h5: this is not an HDF5 file$", "run", "fit.yaml")
        (self.folder / "scan.h5").unlink()
        self.fails(3, r"^scan.h5: there is no such file", "run", "fit.yaml")

    def test_output_that_cannot_be(self):
        self.fit()
        self.fails(3, r"^none/a.h5: there is no folder none$", "run", "fit.yaml", "-o", "none/a.h5")
        self.fails(2, r"^scan.h5: is an input of this study", "run", "fit.yaml", "-o", "scan.h5")
        for size in 100, 2000, 8000:  # the disk is full for the checkpoint, then for the result
            def full():
                resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
            with self.subTest(size):
                self.fails(3, r"^fit.h5(.partial)?: cannot be written: File too large", "run", "fit.yaml",
                           preexec_fn=full)

    def test_usage(self):
        self.assertEqual(self.run_pendel().returncode, 2)
        self.assertEqual(self.run_pendel("run").returncode, 2)
        self.assertEqual(self.run_pendel("new", "nothing").returncode, 2)
        self.assertEqual(self.run_pendel("--help").returncode, 0)
        self.assertEqual(self.run_pendel("info", "nothing").returncode, 3)


if __name__ == "__main__":
    unittest.main()
