"""4D-STEM studies through the command: the result, runs that are stopped and continued, wrong input."""
import pathlib
import re
import resource
import signal
import subprocess
import tempfile
import time
import unittest

import command
import h5py
import numpy as np

ROWS, COLUMNS = 6, 8
BASE = f"""\
study: stem
crystals: {{STO: {{cif: {command.CIF}/SrTiO3.cif}}}}
SPECIMEN
beam: {{energy_keV: 300, semiangle_mrad: 20}}
scan: {{rows: {ROWS}, columns: {COLUMNS}, step_A: [0.5, 0.6], origin_A: [1, 2]}}
simulation: {{pixel_A: 0.2, box_A: [11, 11], thicknesses_A: [7.8, 15.6], certificate_positions: 0}}
detector: {{rows: 32, columns: 24, pixel_mrad: 2}}
virtual_detectors: {{dark: {{inner_mrad: 22, outer_mrad: 30}}}}
"""
LAYERS = "specimen: {beam_direction: [0, 0, 1], layers: [{crystal: STO, cells: 4}]}"
PARTICLE = "particle: {crystal: STO, radius_A: 5, box_A: [14, 14, 11], beam_direction: [0, 0, 1]}"
ATOMS = "atoms: {xyz: atoms.xyz}"
STUDY = BASE.replace("SPECIMEN", LAYERS)
SLOW = STUDY.replace("pixel_A: 0.2", "pixel_A: 0.04")  # slow enough to be stopped on the way
XYZ = "2\nLattice=\"12 0 0 0 12 0 0 0 4\"\nSr 6 6 1\nTi 2 2 3\n"


def arrays(path):
    """Every dataset outside the metadata (times differ), as bytes."""
    found = {}
    with h5py.File(path) as file:
        def add(name, item):
            if isinstance(item, h5py.Dataset) and "metadatabundle" not in name:
                found[name] = item[()].tobytes() if item.dtype != object else item[()]
        file.visititems(add)
    return found


class Stem(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.folder = pathlib.Path(place.name)
        (self.folder / "s.yaml").write_text(STUDY)
        (self.folder / "atoms.xyz").write_text(XYZ)

    def run_pendel(self, *arguments, **options):
        return command.run(*arguments, cwd=self.folder, **options)

    def succeeds(self, *settings, output="s.h5", study="s.yaml"):
        sets = [word for setting in settings for word in ("--set", setting)]
        done = self.run_pendel("run", study, "-o", output, *sets)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def fails(self, status, pattern, *settings, **options):
        """One message on stderr, no result."""
        sets = [word for setting in settings for word in ("--set", setting)]
        done = self.run_pendel("run", "s.yaml", *sets, **options)
        self.assertEqual(done.returncode, status, done.stderr + done.stdout)
        self.assertRegex(done.stderr, pattern)
        self.assertEqual(len(re.findall(r"(?m)^\S", done.stderr)), 1, done.stderr)
        self.assertFalse((self.folder / "s.h5").exists())

    # --- what is made

    def test_result(self):
        text = self.succeeds("simulation.certificate_positions=1")
        self.assertIn("scan: 6 x 8 positions, patterns of 32 x 24 pixels", text)
        # 33 mrad and 25 mrad in the corner; 2/3 of Nyquist is 36 mrad
        self.assertRegex(text, r"note: the detector reaches to 41.4 mrad; beyond what is simulated it stays dark "
                               r"\(pixel_A 0\.159 would fill it\)")
        self.assertNotIn("warning", text)
        for refined in "pixel_A 0.183 ->", "slice_A 1.95", "box_A x 1.5":
            self.assertRegex(text, "convergence: " + refined + r".* would change a pixel by [\d.e-]+ of the brightest")
        with h5py.File(self.folder / "s.h5") as file:
            self.assertEqual(file.attrs["emd_group_type"], "file")
            root = file["pendel"]
            self.assertEqual(root.attrs["emd_group_type"], "root")
            for name in "datacube_7.81A", "datacube_15.62A":
                cube = root[name]
                self.assertEqual(cube.attrs["python_class"], "DataCube")
                self.assertEqual(cube["data"].shape, (ROWS, COLUMNS, 32, 24))
                self.assertEqual(cube["data"].dtype, np.float32)
                self.assertIsNone(cube["data"].compression)
            np.testing.assert_allclose(cube["dim0"][:2], [2, 2.6])
            np.testing.assert_allclose(cube["dim1"][:2], [1, 1.5])
            np.testing.assert_allclose(cube["dim2"][:2], [-32, -30])
            self.assertEqual(cube["dim0"].attrs["units"], "Å")
            self.assertEqual(cube["dim2"].attrs["units"], "mrad")
            images = root["virtual_images"]
            self.assertEqual(images["dark/data"].shape, (2, ROWS, COLUMNS))
            detected = images["detected/data"][()]
            self.assertTrue(((detected > 0.8) & (detected < 1.001)).all())
            for t, name in enumerate(("datacube_7.81A", "datacube_15.62A")):
                data = root[name]["data"][()].astype(float)
                np.testing.assert_allclose(data.sum((2, 3)), detected[t], rtol=1e-6)
                q_x = 2.0 * (np.arange(24) - 12)
                np.testing.assert_allclose((data * q_x).sum((2, 3)) / data.sum((2, 3)),
                                           images["centre_of_mass_x/data"][t], atol=1e-5)
            self.assertIn("largest_change_1", root["metadatabundle/certificate"])
            self.assertIn("wall_time_s", root["metadatabundle/provenance"])
            self.assertRegex(root["metadatabundle/study/yaml"].asstr()[()], "study: stem")

    def test_only_virtual_images(self):
        self.succeeds()
        self.succeeds("file.patterns=false", output="images.h5")
        whole, images = arrays(self.folder / "s.h5"), arrays(self.folder / "images.h5")
        self.assertFalse([name for name in images if "datacube" in name])
        self.assertEqual(images, {name: whole[name] for name in whole if "virtual_images" in name})

    def test_counts(self):
        self.succeeds("simulation.thicknesses_A=[]")
        self.succeeds("simulation.thicknesses_A=[]", "detector.dose=3000", output="counts.h5")
        with h5py.File(self.folder / "s.h5") as exact, h5py.File(self.folder / "counts.h5") as noisy:
            expected = 3000 * exact["pendel/datacube/data"][()].astype(float)
            counts = noisy["pendel/datacube/data"]
            self.assertEqual((counts.dtype, counts.attrs["units"]), (np.uint32, "electrons"))
            bright = expected > 1
            chi2 = ((counts[()] - expected)[bright] ** 2 / expected[bright]).mean()
        # χ² of one Poisson count of mean > 1 has a variance below 3
        self.assertAlmostEqual(chi2, 1, delta=5 * np.sqrt(3 / bright.sum()))

    def test_threads_methods_and_specimens(self):
        for number, settings in enumerate((
                ["simulation.frozen_phonons={configurations: 2}", "probe.source_size_A=0.3"],
                ["simulation.method=prism"], ["simulation.method=prism", "simulation.interpolation=[1, 2]"],
                ["simulation.precision=double", "file.compression=1", "detector.dose=500"])):
            with self.subTest(settings):
                sets = [word for setting in settings for word in ("--set", setting)]
                results = []
                for threads in "1", "2":
                    done = self.run_pendel("run", "s.yaml", "-o", f"{number}.h5", "-j", threads, *sets)
                    self.assertEqual((done.returncode, done.stderr), (0, ""))
                    results.append(arrays(self.folder / f"{number}.h5"))
                self.assertEqual(results[0], results[1])
        for specimen in PARTICLE, ATOMS:
            with self.subTest(specimen):
                (self.folder / "s.yaml").write_text(BASE.replace("SPECIMEN", specimen))
                self.succeeds("simulation.thicknesses_A=[]", "simulation.certificate_positions=1")

    def test_a_kept_scattering_matrix(self):
        phonons = "simulation.frozen_phonons={configurations: 2}"
        for settings in [], ["simulation.partition_rings=2", "simulation.precision=double"], [phonons]:
            with self.subTest(settings):
                prism = ["simulation.method=prism", "simulation.interpolation=[2, 1]", *settings]
                kept = [*prism, "simulation.scattering_matrix=m.h5"]
                self.succeeds(*prism, output="plain.h5")
                self.assertIn("scattering matrix: kept in m.h5, ", self.succeeds(*kept, output="first.h5"))
                made = (self.folder / "m.h5").stat()
                text = self.succeeds(*kept, "simulation.certificate_positions=1", output="second.h5")
                self.assertRegex(text, r"scattering matrix: read from m.h5, \d+ plane waves, [\d.e-]+ GB")
                self.assertRegex(text, "convergence: interpolation -> 1")
                for name in "first.h5", "second.h5":
                    self.assertEqual(arrays(self.folder / name), arrays(self.folder / "plain.h5"))
                # for another probe, elsewhere, on a smaller detector
                other = ["probe.aberrations=[{name: C10, value_A: -60}, {name: C21, value_A: 400, angle_deg: 20}]",
                         "scan.origin_A=[3, 3.3]", "virtual_detectors.dark.outer_mrad=28"]
                self.succeeds(*prism, *other, output="plain.h5")
                self.succeeds(*kept, *other, output="other.h5")
                self.assertEqual(arrays(self.folder / "other.h5"), arrays(self.folder / "plain.h5"))
                self.assertEqual((self.folder / "m.h5").stat().st_mtime_ns, made.st_mtime_ns)
                self.assertEqual(list(self.folder.glob("*.partial*")), [])
                (self.folder / "m.h5").unlink()

    def test_a_kept_scattering_matrix_of_something_else(self):
        prism = ["simulation.method=prism", "simulation.scattering_matrix=m.h5"]
        self.succeeds(*prism, output="first.h5")
        before = (self.folder / "m.h5").read_bytes()
        for setting, difference in (
                ("specimen.layers.0.cells=5", "specimen, particle or atoms: 180 atoms in .* in the file, 225 atoms in"),
                ("beam.energy_keV=200", "beam.energy_keV: 300 in the file, 200 in this study"),
                ("beam.tilt_mrad=[0, 1]", "beam.tilt_mrad: 0, 0 in the file, 0, 1 in this study"),
                ("beam.semiangle_mrad=22", "beam.semiangle_mrad, edge included: 20.8.* mrad in the file, 22.8.* mrad are"),
                ("simulation.scattering=kirkland", "simulation.scattering: lobato in the file, kirkland in"),
                ("simulation.absorption=weickenmeier-kohl", "simulation.absorption: none in the file, weickenmeier-kohl"),
                ("simulation.interpolation=[1, 2]", "simulation.interpolation: 1, 1 in the file, 1, 2 in"),
                ("simulation.partition_rings=2", "simulation.partition_rings: 0 in the file, 2 in"),
                ("simulation.pixel_A=0.15", r"simulation.pixel_A: 64 x 64 pixels in the file, \d+ x \d+ pixels in"),
                ("simulation.slice_A=1", "simulation.slice_A: 8 slices in the file, 16 slices in"),
                ("simulation.projection=finite", "simulation.projection: infinite in the file, finite in"),
                ("simulation.thicknesses_A=[15.6]", "simulation.thicknesses_A: 7.81, 15.62 in the file, 15.62 in"),
                ("simulation.frozen_phonons={configurations: 3}",
                 "simulation.frozen_phonons: none in the file, 3 configurations, seed 1 in"),
                ("simulation.exact_propagator=true", "simulation.exact_propagator: false in the file, true in"),
                ("simulation.precision=double", "simulation.precision: single in the file, double in")):
            with self.subTest(setting):
                self.fails(3, r"(?s)^m.h5: this scattering matrix was made for another simulation; .*:\n.*  " + difference,
                           *prism, setting)
        self.assertEqual((self.folder / "m.h5").read_bytes(), before)
        self.fails(2, r"^m.h5: is simulation.scattering_matrix of this study; choose another output$", *prism,
                   "output=m.h5")
        self.fails(3, r"^nowhere/m.h5\S*: ", *prism, "simulation.scattering_matrix=nowhere/m.h5")
        self.fails(3, r"^first.h5: this is not a scattering matrix of study stem$", "simulation.method=prism",
                   "simulation.scattering_matrix=first.h5")
        (self.folder / "m.h5").write_bytes(before[:-3000])
        self.fails(3, r"^m.h5: this HDF5 file is truncated or damaged$", *prism)
        (self.folder / "m.h5").write_text("no HDF5")
        self.fails(3, r"^m.h5: this is not an HDF5 file$", *prism)
        (self.folder / "m.h5").unlink()
        def full():
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        self.fails(3, r"^m.h5.*(disk is full|File too large)", *prism, preexec_fn=full)
        self.assertEqual([path.name for path in self.folder.glob("*m.h5*")], [])

    def test_snapshots(self):
        (self.folder / "s.yaml").write_text(BASE.replace("SPECIMEN", ATOMS).replace("thicknesses_A: [7.8, 15.6], ", ""))
        box = 'Lattice="12 0 0 0 12 0 0 0 4"'
        frames = [f"2\n{box}\nSr {6 + d} 6 1\nTi 2 {2 - d} 3\n" for d in (0, 0.1, -12.2, 0.05)]
        (self.folder / "all.xyz").write_text("".join(frames))
        for number, frame in enumerate(frames):
            (self.folder / f"{number}.xyz").write_text(frame)
        text = self.succeeds("atoms.xyz=all.xyz", "simulation.frozen_phonons={snapshots: [all.xyz]}",
                             "simulation.certificate_positions=1")
        self.assertIn("specimen: atoms of all.xyz, 4 snapshots", text)
        self.assertRegex(text, "convergence: snapshots 2 -> 4 would change a pixel by")
        self.succeeds("simulation.frozen_phonons={snapshots: [0.xyz, 1.xyz, 2.xyz, 3.xyz]}", output="files.h5")
        self.assertEqual(arrays(self.folder / "s.h5"), arrays(self.folder / "files.h5"))
        # the mean of scans of unmoving atoms
        mean = 0
        for number in range(4):
            if number == 2:  # the same atoms within the box
                (self.folder / "2.xyz").write_text(f"2\n{box}\nSr 5.8 6 1\nTi 2 2.2 3\n")
            self.succeeds(f"atoms.xyz={number}.xyz", "atoms.default_B_A2=0", output="one.h5")
            with h5py.File(self.folder / "one.h5") as file:
                mean = mean + file["pendel/datacube/data"][()].astype(float) / 4
        with h5py.File(self.folder / "s.h5") as file:
            np.testing.assert_allclose(file["pendel/datacube/data"][()], mean, atol=1e-6 * mean.max())
        (self.folder / "s.h5").unlink()
        for text, message in (
                (frames[0] + frames[1].replace("0 0 4", "0 0 4.5"),
                 r"^bad.xyz: frame 2 has a box of 12 x 12 x 4.5 Å; that of atoms is 12 x 12 x 4 Å$"),
                (frames[0] + f"1\n{box}\nSr 6 6 1\n", r"^bad.xyz: frame 2 has 1 atoms; 2 are in atoms.xyz$"),
                (frames[0].replace("Ti", "O"), r"^bad.xyz: it has other elements than atoms.xyz$"),
                (frames[0] + "3" + frames[1][1:], r"^bad.xyz:5: frame 2: it says 3 atoms and has 2 lines"),
                (frames[0] + frames[1].replace("Sr 6.1", "Sr x"), r"^bad.xyz:7: frame 2: the coordinate \"x\" is not"),
                (frames[0] + frames[1].replace("6 1", "6 -2"),
                 r"^bad.xyz: frame 2 has what cannot be:\n  atom 0 \(Sr\) .* is outside the box"),
                (frames[0].replace("Ti 2 2 3", "Ti 6 6 1.1"), r"^bad.xyz: it has what cannot be:\n  atoms 0 .* apart")):
            (self.folder / "bad.xyz").write_text(text)
            with self.subTest(message):
                self.fails(3, message, "simulation.frozen_phonons={snapshots: [bad.xyz]}")
        self.fails(3, r"^nowhere.xyz: there is no such file", "simulation.frozen_phonons={snapshots: [nowhere.xyz]}")
        self.fails(3, r"^all.xyz: holds 4 frames; simulation.frozen_phonons.snapshots averages them",
                   "atoms.xyz=all.xyz")
        self.fails(2, r"frozen_phonons: .*configurations, snapshots",
                   "simulation.frozen_phonons={snapshots: [all.xyz], configurations: 3}")

    def test_a_refinement_that_does_not_fit_into_memory_costs_nothing(self):
        # 512 x 512 pixels on two threads take 0.04 GB, 1.4² times as many do not fit
        text = self.succeeds("simulation.pixel_A=0.0611", "simulation.box_A=[30, 30]", "scan.rows=1", "scan.columns=1",
                             "simulation.memory_GB=0.05", "simulation.certificate_positions=1")
        self.assertRegex(text, "note: no convergence test of pixel_A .*: memory_GB is 0.05; waves of")
        self.assertIn("convergence: slice_A", text)

    # --- runs that are stopped

    def stop(self, how, *settings):
        """Starts a slow run and sends the signal once positions are on disk; status and stderr."""
        journal = self.folder / "s.h5.partial.journal"
        sets = [word for setting in settings for word in ("--set", setting)]
        process = subprocess.Popen(
            [command.PENDEL, "run", "s.yaml", "-o", "s.h5", "--threads", "1", *sets],
            cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        deadline, start = time.monotonic() + 60, None
        while start is None or journal.stat().st_size == start:
            self.assertIsNone(process.poll(), "the run ended before it could be stopped")
            self.assertLess(time.monotonic(), deadline)
            if start is None and journal.exists() and journal.stat().st_size > 0:
                start = journal.stat().st_size
            time.sleep(0.002)
        process.send_signal(how)
        _, error = process.communicate(timeout=60)
        self.assertFalse((self.folder / "s.h5").exists())
        return process.returncode, error

    def test_stopped_and_continued(self):
        (self.folder / "s.yaml").write_text(SLOW)
        for settings in [], ["file.compression=2", "detector.dose=1000"], ["file.patterns=false"]:
            sets = [word for setting in settings for word in ("--set", setting)]
            self.succeeds(*settings, output="whole.h5")
            whole = arrays(self.folder / "whole.h5")
            for how, status, message in (
                    (signal.SIGKILL, -9, "^$"),
                    (signal.SIGINT, 130, r"^interrupted; what is done is kept in s.h5.partial; .*--resume continues\n$")):
                with self.subTest((settings, how)):
                    found, error = self.stop(how, *settings)
                    self.assertEqual(found, status, error)
                    self.assertRegex(error, message)
                    done = self.run_pendel("run", "s.yaml", "-o", "s.h5", "--resume", *sets)
                    self.assertEqual((done.returncode, done.stderr), (0, ""))
                    resumed = int(re.search(r"resumed: (\d+) positions are done already", done.stdout)[1])
                    self.assertTrue(0 < resumed < ROWS * COLUMNS, resumed)
                    self.assertEqual(arrays(self.folder / "s.h5"), whole)
                    self.assertEqual(list(self.folder.glob("s.h5.partial*")), [])
                    (self.folder / "s.h5").unlink()

    def test_full_disk(self):
        for size in 2000, 100_000:  # for the file's head, and among the patterns
            def full():
                resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
            with self.subTest(size):
                self.fails(3, r"^s.h5.partial[.\w]*: .*(disk is (too )?full|File too large)", preexec_fn=full)
        # in a compressed scan positions that were finished are kept
        self.fails(3, r"^s.h5.partial.journal: .*File too large", "file.compression=1", preexec_fn=full)
        done = self.run_pendel("run", "s.yaml", "--set", "file.compression=1", "--resume")
        self.assertRegex(done.stdout, r"resumed: [1-9]\d* positions are done already")

    # --- what is wrong

    def test_wrong_studies(self):
        for settings, pattern in (
                (["probe.aberrations=[{name: C13, value_A: 1}]"],
                 r"probe.aberrations.0.name: there is no aberration C13; of order n = 1 there are C10, C12$"),
                (["probe.aberrations=[{name: defocus, value_A: 1}]"],
                 r"probe.aberrations.0.name: 'defocus' is no aberration; allowed: C10"),
                (["beam.semiangle_mrad=0"], r"beam.semiangle_mrad: is 0; a scan needs a convergent probe"),
                (["simulation.interpolation=[2, 2]"], r"simulation.interpolation: is of PRISM; method is multislice"),
                (["simulation.method=blochwave"], r"simulation.method: is 'blochwave'; allowed: multislice, prism"),
                (["virtual_detectors.dark.inner_mrad=40"],
                 r"virtual_detectors.dark: inner_mrad must be below outer_mrad"),
                (["scan.rows=0"], r"scan.rows: .*1 to 65536"),
                (["atoms={xyz: atoms.xyz}"], r"specimen, particle, atoms"),
                (["beam.semiangle_mrad=50"],
                 r"the aperture reaches to 5\d(\.\d)? mrad, pixels of 0\.183 Å carry waves to 35.9 mrad; smaller pixels"),
                (["simulation.pixel_A=0.01", "simulation.memory_GB=0.05"],
                 r"memory_GB is 0.05; waves of 1\d\d\d x 1\d\d\d pixels on 2 threads"),
                (["simulation.method=prism", "simulation.memory_GB=0.05", "simulation.pixel_A=0.1",
                  "simulation.box_A=[23, 23]", "detector.pixel_mrad=4"],
                 r"the PRISM matrix of \d+ plane waves at 2 thicknesses takes [\d.]+ GB, more than the 0.025\d* GB that it "
                 r"may have; .* \(it has half of memory_GB\)$"),
                (["simulation.partition_rings=2"], r"simulation.partition_rings: is of PRISM; method is multislice"),
                (["simulation.scattering_matrix=m.h5"], r"simulation.scattering_matrix: is of PRISM; method is"),
                (["simulation.frozen_phonons={snapshots: [atoms.xyz]}"],
                 r"simulation.frozen_phonons.snapshots: are of atoms; a specimen or a particle has")):
            with self.subTest(settings):
                self.fails(2, pattern, *settings)
                self.assertEqual(list(self.folder.glob("*.partial*")), [])
        (self.folder / "s.yaml").write_text(BASE.replace("SPECIMEN", PARTICLE.replace("STO", "STQ")))
        self.fails(2, r"^s.yaml:3:\d+: particle.crystal: there is no 'STQ'; there are: STO; did you mean STO\?$")
        (self.folder / "s.yaml").write_text(BASE.replace("SPECIMEN", PARTICLE.replace("radius_A: 5", "radius_A: 6")))
        self.fails(2, r"a sphere of radius 6\S* A does not fit into a box")

    def test_cells_that_are_not_right_angled(self):
        cif = (command.CIF / "SrTiO3.cif").read_text()
        skewed = re.sub(r"(?m)^(_cell_angle_gamma\s+).*$", r"\g<1>83.3", cif)
        skewed = re.sub(r"(?m)^(_(?:symmetry_space_group_name_H-M|space_group_name_H-M_alt)\s+).*$", r"\g<1>'P 1'", skewed)
        skewed = re.sub(r"(?m)^(_(?:symmetry_Int_Tables_number|space_group_IT_number)\s+).*$", r"\g<1>1", skewed)
        (self.folder / "skewed.cif").write_text(skewed)
        self.fails(2, r"strain", "crystals.STO.cif=skewed.cif", "simulation.strain_max=0")

    def test_wrong_atoms(self):
        (self.folder / "s.yaml").write_text(BASE.replace("SPECIMEN", ATOMS).replace("thicknesses_A: [7.8, 15.6], ", ""))
        for text, pattern in (
                (XYZ.replace("2 2 3", "6 6 1"),
                 r"the atoms of the specimen:\n  atoms 0 \(Sr\) and 1 \(Ti\) at \(6.* 0.000000 A apart"),
                (XYZ.replace("2 2 3", "2 2 5"), r"atom 1 \(Ti\) at \(2.* is outside the box of \(12"),
                (XYZ.replace("Ti", "Xx"), r"^atoms.xyz:4: there is no element \"Xx\"$"),
                (XYZ.replace("2 2 3", "2 2"), r"^atoms.xyz:4: "),
                (XYZ.replace("2 2 3", "2 two 3"), r"^atoms.xyz:4: .*\"two\" is not a number"),
                (XYZ.replace("2\nL", "3\nL"), r"^atoms.xyz:1: the file says 3 atoms and has 2 lines"),
                (XYZ.replace("0 12 0", "3 12 0"), r"^atoms.xyz:2: the cell is not right-angled"),
                (re.sub("Lattice.*", "", XYZ), r"^atoms.xyz: holds no box; give atoms.box_A$"),
                ("", r"^atoms.xyz: the file is empty")):
            (self.folder / "atoms.xyz").write_text(text)
            with self.subTest(text):
                self.fails(3, pattern)
        (self.folder / "atoms.xyz").unlink()
        self.fails(3, r"^atoms.xyz: there is no such file")

    def test_a_probe_wider_than_the_box(self):
        text = self.succeeds("probe.aberrations=[{name: C10, value_A: -400}]", "simulation.thicknesses_A=[]")
        # 400 Å times 21 mrad, edge included, on either side
        self.assertRegex(text, r"warning: the probe spreads to about 1[78](\.\d)? Å and the box is 11.7 Å: it meets "
                               r"its periodic images; a larger box_A helps")


if __name__ == "__main__":
    unittest.main()
