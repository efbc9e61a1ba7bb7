"""`pendel convert` and `info`: copies obey the layouts that py4DSTEM and HyperSpy read by."""
import pathlib
import sys
import tempfile
import unittest

import h5py
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from command import SOURCE, run

SCANS = SOURCE / "tests" / "data" / "scan"


def is_text(attribute_id):
    """A variable-length string: what both readers need."""
    kind = attribute_id.get_type()
    return kind.get_class() == h5py.h5t.STRING and kind.is_variable_str()


class Convert(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.temporary.name)
        self.addCleanup(self.temporary.cleanup)
        with h5py.File(SCANS / "golden_datacube.h5") as file:
            self.numbers = file["datacube_root/datacube/data"][()]

    def convert(self, name):
        done = run("convert", SCANS / "golden_datacube.h5", name, cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        return h5py.File(self.folder / name)

    def test_emd(self):
        """By py4DSTEM's rules: which attributes say what is what, and where the calibration is."""
        with self.convert("copy.h5") as file:
            self.assertEqual(file.attrs["emd_group_type"], "file")
            self.assertEqual((file.attrs["version_major"], file.attrs["version_minor"]), (1, 0))
            self.assertEqual([g.attrs["emd_group_type"] for g in file.values()], ["root"])
            root = file["scan"]
            cube = root["datacube"]
            self.assertEqual(cube.attrs["emd_group_type"], "array")
            self.assertEqual(cube.attrs["python_class"], "DataCube")
            np.testing.assert_array_equal(cube["data"][()], self.numbers)
            self.assertEqual(cube["data"].dtype, np.uint16)
            self.assertIn("units", cube["data"].attrs)
            for i in range(4):
                dim = cube[f"dim{i}"]
                self.assertIn(len(dim), (2, self.numbers.shape[i]))
                self.assertTrue({"name", "units"} <= set(dim.attrs))
            calibration = root["metadatabundle/calibration"]
            self.assertEqual(calibration.attrs["python_class"], "Calibration")
            self.assertAlmostEqual(calibration["Q_pixel_size"][()], 0.02)
            self.assertEqual(calibration["Q_pixel_units"].asstr()[()], "A^-1")
            self.assertEqual(calibration["Q_pixel_units"].attrs["type"], "string")
            self.assertAlmostEqual(calibration["R_pixel_size"][()], 20)
            texts = []

            def see(_, item):
                for name in item.attrs:
                    attribute = h5py.h5a.open(item.id, name.encode())
                    if attribute.get_type().get_class() == h5py.h5t.STRING:
                        texts.append(is_text(attribute))

            file.visititems(see)
            self.assertTrue(texts and all(texts))

    def test_hyperspy(self):
        """By the rules of HyperSpy's reader."""
        with self.convert("copy.hspy") as file:
            for name in ("file_format", "file_format_version"):
                self.assertTrue(is_text(h5py.h5a.open(file.id, name.encode())))
            self.assertEqual(file.attrs["file_format"], "HyperSpy")
            experiment = next(iter(file["Experiments"].values()))
            np.testing.assert_array_equal(experiment["data"][()], self.numbers)
            for group in ("metadata", "original_metadata"):
                self.assertIn(group, experiment)
            self.assertEqual(experiment["metadata/Signal"].attrs["signal_type"],
                             "electron_diffraction")
            for i, length in enumerate(self.numbers.shape):
                axis = experiment[f"axis-{i}"].attrs
                self.assertEqual(axis["size"], length)
                self.assertEqual(axis["navigate"].dtype, bool)
                self.assertEqual(bool(axis["navigate"]), i < 2)
                self.assertAlmostEqual(axis["scale"], 20 if i < 2 else 0.02)

    def test_opens_in_hyperspy(self):
        try:
            import hyperspy.api
        except ImportError:
            self.skipTest("HyperSpy is not installed")
        self.convert("copy.hspy").close()
        signal = hyperspy.api.load(str(self.folder / "copy.hspy"))
        np.testing.assert_array_equal(signal.data, self.numbers)
        self.assertEqual(signal.axes_manager.navigation_dimension, 2)

    def test_numpy(self):
        self.convert_plain("copy.npy")
        copy = np.load(self.folder / "copy.npy")
        np.testing.assert_array_equal(copy, self.numbers)
        self.assertEqual(copy.dtype, np.uint16)
        # and back, also big-endian and as a list of patterns
        np.save(self.folder / "list.npy", copy.reshape(12, 8, 6).astype(">u2"))
        done = run("convert", "list.npy", "again.npy", "--scan-shape", 4, 3, cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        np.testing.assert_array_equal(np.load(self.folder / "again.npy"), self.numbers)

    def convert_plain(self, name):
        done = run("convert", SCANS / "golden_datacube.h5", name, "-q", cwd=self.folder)
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)

    def test_compressed_and_odd_files(self):
        """Chunks, compression, 64-bit integers, several scans in one file, a missing link."""
        big = np.arange(5 * 4 * 6 * 7, dtype=np.int64).reshape(5, 4, 6, 7)
        with h5py.File(self.folder / "two.h5", "w") as file:
            file.create_dataset("a", data=big, chunks=(2, 3, 6, 4), compression="gzip")
            file["b"] = big.astype("f4")
        done = run("convert", "two.h5", "a.npy", cwd=self.folder)
        self.assertEqual(done.returncode, 3)
        self.assertIn("several scans: /a (5 x 4 x 6 x 7 int64), /b", done.stderr)
        for name in "ab":
            done = run("convert", "two.h5", f"{name}.npy", "--dataset", name, cwd=self.folder)
            self.assertEqual(done.returncode, 0, done.stderr)
            np.testing.assert_array_equal(np.load(self.folder / f"{name}.npy"), big)
        with h5py.File(self.folder / "data_1.h5", "w") as file:
            file["entry/data/data"] = big.reshape(20, 6, 7).astype("u4")
        with h5py.File(self.folder / "master.h5", "w") as file:
            for i in (1, 2):
                file[f"entry/data/data_00000{i}"] = h5py.ExternalLink(f"data_{i}.h5", "entry/data/data")
        done = run("info", "master.h5", cwd=self.folder)
        self.assertIn("data_2.h5, which the file links to, is not beside it", done.stdout)
        done = run("convert", "master.h5", "linked.npy", "--scan-shape", 5, 4, cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        np.testing.assert_array_equal(np.load(self.folder / "linked.npy"), big)

    def test_what_cannot_be(self):
        for arguments, status, words in (
                (("/nowhere.mib", "a.h5"), 3, "there is no such file"),
                ((SCANS / "test2.blo", "a.doc"), 2, "no format that Pendel writes"),
                ((SCANS / "test2.blo", "a.h5", "--scan-shape", 2, 2), 3,
                 "does not hold the 6 patterns"),
                ((SCANS / "test2.blo", "nowhere/a.npy"), 3, "No such file or directory")):
            done = run("convert", *arguments, cwd=self.folder)
            self.assertEqual(done.returncode, status, done.stderr)
            self.assertIn(words, done.stderr)
            self.assertEqual(list(self.folder.iterdir()), [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
