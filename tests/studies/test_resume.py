"""A run that is interrupted or killed, and continued, gives the result of one that was not."""
import pathlib
import signal
import subprocess
import tempfile
import time
import unittest

import command
import h5py
import numpy as np

ROWS, COLUMNS = 8, 20
# the engine itself at every position: slow enough to be stopped on the way
STUDY = command.FIT.replace("samples: 400", "method: multistart, samples: 400")


def arrays(path):
    """Every dataset outside the metadata (times differ)."""
    found = {}
    with h5py.File(path) as file:
        def add(name, item):
            if isinstance(item, h5py.Dataset) and "metadatabundle" not in name:
                found[name] = item[()]
        file.visititems(add)
    return found


class Resume(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.place.name)
        command.write_scan(cls.folder, ROWS, COLUMNS)
        (cls.folder / "fit.yaml").write_text(STUDY)
        done = command.run("run", "fit.yaml", "-o", "whole.h5", cwd=cls.folder)
        assert done.returncode == 0, done.stderr
        cls.whole = arrays(cls.folder / "whole.h5")

    @classmethod
    def tearDownClass(cls):
        cls.place.cleanup()

    def stopped(self, name, how):
        """Starts a run, sends the signal once a few positions are on disk; its status and stderr."""
        partial = self.folder / f"{name}.h5.partial"
        process = subprocess.Popen(
            [command.PENDEL, "run", "fit.yaml", "-o", f"{name}.h5", "--threads", "1"],
            cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 60
        while not (partial.exists() and partial.stat().st_size > 5000):
            self.assertIsNone(process.poll(), "the run ended before it could be stopped")
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.002)
        process.send_signal(how)
        _, error = process.communicate(timeout=60)
        self.assertFalse((self.folder / f"{name}.h5").exists())
        return process.returncode, error

    def resumed(self, name):
        done = command.run("run", "fit.yaml", "-o", f"{name}.h5", "--resume", "-j", "2", cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"resumed: [1-9]\d* positions are done already")
        self.assertFalse((self.folder / f"{name}.h5.partial").exists())
        found = arrays(self.folder / f"{name}.h5")
        self.assertEqual(sorted(found), sorted(self.whole))
        for key, values in self.whole.items():
            np.testing.assert_array_equal(found[key], values, err_msg=key)

    def test_interrupt_keeps_what_is_done(self):
        for name, how in ("int", signal.SIGINT), ("term", signal.SIGTERM):
            status, error = self.stopped(name, how)
            self.assertEqual(status, 130)
            self.assertRegex(error, rf"^interrupted; what is done is kept in "
                                    rf"{name}.h5.partial; the same command with --resume continues\n$")
            self.resumed(name)

    def test_kill_and_a_torn_record(self):
        status, _ = self.stopped("kill", signal.SIGKILL)
        self.assertEqual(status, -signal.SIGKILL)
        partial = self.folder / "kill.h5.partial"
        partial.write_bytes(partial.read_bytes()[:-7])
        self.resumed("kill")

    def test_checkpoint_of_another_study_is_refused(self):
        self.stopped("other", signal.SIGKILL)
        done = command.run("run", "fit.yaml", "-o", "other.h5", "--resume", "--set", "beam.energy_keV=200",
                           cwd=self.folder)
        self.assertEqual(done.returncode, 3)
        self.assertRegex(done.stderr, r"^other.h5.partial: this checkpoint belongs to another study.*\n$")
        done = command.run("run", "fit.yaml", "-o", "other.h5", cwd=self.folder)
        self.assertEqual(done.returncode, 0)
        self.assertIn("this run begins anew (--resume would continue it)", done.stdout)


if __name__ == "__main__":
    unittest.main()
