"""scripts/notebook.py: cells are found, executed in order with the file's line numbers, and written for Jupyter."""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts/notebook.py"
EXAMPLE = """# %% [markdown]
# # Title
#
# Text.

# %%
x = 2

# %%
print(x + 3)
"""


class Notebooks(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.file = pathlib.Path(temporary.name) / "example.py"

    def notebook(self, command, text):
        self.file.write_text(text, encoding="utf-8")
        return subprocess.run([sys.executable, SCRIPT, command, self.file], capture_output=True, text=True)

    def test_cells_are_executed_in_order(self):
        done = self.notebook("run", EXAMPLE)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("5", done.stdout.split())

    def test_an_error_fails_with_its_line(self):
        done = self.notebook("run", EXAMPLE + "assert x == 3\n")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn('"example.py", line 11', done.stderr)

    def test_jupyter_format(self):
        done = self.notebook("convert", EXAMPLE)
        self.assertEqual(done.returncode, 0, done.stderr)
        made = json.loads(self.file.with_suffix(".ipynb").read_text(encoding="utf-8"))
        self.assertEqual((made["nbformat"], made["nbformat_minor"]), (4, 5))
        self.assertEqual([cell["cell_type"] for cell in made["cells"]], ["markdown", "code", "code"])
        self.assertEqual(["".join(cell["source"]) for cell in made["cells"]],
                         ["# Title\n\nText.", "x = 2", "print(x + 3)"])
        self.assertEqual(len({cell["id"] for cell in made["cells"]}), 3)

    def test_what_is_no_notebook(self):
        self.assertIn("before the first cell", self.notebook("convert", "x = 1\n" + EXAMPLE).stderr)
        self.assertIn("line 2", self.notebook("convert", "# %% [markdown]\nx = 1\n").stderr)

    def test_those_of_the_manual_are_whole(self):
        """Text and code of every notebook; what is asserted is at its end."""
        files = sorted((ROOT / "docs/notebooks").glob("*.py"))
        self.assertGreaterEqual(len(files), 5)
        for file in files:
            done = self.notebook("convert", file.read_text(encoding="utf-8"))
            self.assertEqual(done.returncode, 0, done.stderr)
            cells = json.loads(self.file.with_suffix(".ipynb").read_text(encoding="utf-8"))["cells"]
            self.assertTrue(cells[0]["source"][0].startswith("# "), file)
            self.assertIn("assert", "".join(cells[-1]["source"]), file)


if __name__ == "__main__":
    unittest.main(verbosity=2)
