"""The validation report: what is wrong is marked in it and is its exit status."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent


def figure(topic, **changes):
    return {"topic": topic, "what": "w", "source": "[Bethe1928]", "low": None, "high": 1, "least": 0.5, "greatest": 0.5,
            "count": 1, "passed": True, **changes}


class Report(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.folder = pathlib.Path(place.name)
        self.records = self.folder / "validation"
        self.records.mkdir()
        (self.folder / "pendel").symlink_to(os.environ["PENDEL"])
        topics = subprocess.run([sys.executable, "-c", "import importlib.machinery as m, sys; sys.path.insert(0, '.');"
                                 "print(*m.SourceFileLoader('run', 'run').load_module().TOPICS, sep='\\n')"],
                                cwd=HERE, capture_output=True, text=True, env=dict(os.environ, PYTHONDONTWRITEBYTECODE="1"))
        self.topics = topics.stdout.split("\n")[:-1]
        self.assertGreater(len(self.topics), 8)

    def report(self, *changed, status=0, target=1, ratio=True):
        lines = [figure(topic) for topic in self.topics] + list(changed)
        (self.records / "some_test.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        (self.records / "about.json").write_text(json.dumps({"tests": {"some_test": {"status": status, "seconds": 1}}}))
        (self.records / "bench.json").write_text(json.dumps([{"what": "t", "obtained": 2, "unit": "ms", "target": target,
                                                              "more": False, "ratio": ratio}]))
        done = subprocess.run([sys.executable, HERE / "run", self.folder, "--docs", self.folder, "--only", "^$"],
                              capture_output=True, text=True, env=dict(os.environ, PYTHONDONTWRITEBYTECODE="1"))
        self.assertEqual(done.stderr, "")
        return done.returncode, (self.folder / "validation.md").read_text()

    def test_all_good(self):
        status, text = self.report(figure("Files", what="absent", count=0, least=None, greatest=None), target=2)
        self.assertEqual(status, 0, text)
        self.assertIn("0 failed, 1 without their reference", text)
        self.assertNotIn("FAILED", text)

    def test_what_is_wrong_is_marked(self):
        good, _ = self.report(target=2)
        self.assertEqual(good, 0)
        for changes in ({"changed": [figure("Files", what="off", greatest=2, passed=False)]},
                        {"changed": [figure("Files", what="nan", greatest=None, least=None, passed=False)]},
                        {"status": 1}, {"target": 1}):
            with self.subTest(changes):
                status, text = self.report(*changes.pop("changed", []), **{"target": 2, **changes})
                self.assertEqual(status, 1)
                self.assertIn("**FAILED**", text)
        status, _ = self.report(figure("Files", source="[Nobody1900]"), target=2)
        self.assertEqual(status, 1)

    def test_a_slow_machine_is_no_failure(self):
        status, text = self.report(target=1, ratio=False)
        self.assertEqual(status, 0)
        self.assertIn("| slow |", text)


if __name__ == "__main__":
    unittest.main()
