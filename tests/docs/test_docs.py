"""The documentation: links, pictures, and every block of code in it.

A block ```yaml is a study or a part of one, ```sh is run (```sh not-run is not), ```python is run, ```cpp is a
file of tests/package, which the test `package` builds.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import urllib.parse

import h5py

SOURCE = pathlib.Path(__file__).resolve().parents[2]
PENDEL = pathlib.Path(os.environ["PENDEL"])
PAGES = [path for folder in (SOURCE, SOURCE / "docs", SOURCE / "data", SOURCE / "tests" / "data", SOURCE / "studies")
         for path in sorted(folder.glob("*.md") if folder in (SOURCE, SOURCE / "docs") else folder.rglob("*.md"))]


def blocks(page, language):
    """(info string, code) of the fenced blocks of a page in this language."""
    found = re.findall(r"(?ms)^```([^\n`]+)\n(.*?)^```$", page.read_text())
    return [(info, code) for info, code in found if info.split()[0] == language]


def anchors(page):
    """Of a page's headings, as code hosts make them."""
    text = re.sub(r"(?ms)^```.*?^```$", "", page.read_text())
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
            for heading in re.findall(r"(?m)^#+ (.*)$", text)}


def run(command, cwd, **environment):
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=500,
                          env={**os.environ, **environment})


class Place(unittest.TestCase):
    """A folder like the root of the repository, in which results may be written."""

    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.folder = pathlib.Path(place.name)
        (self.folder / "build" / "demo").mkdir(parents=True)
        (self.folder / "data").symlink_to(SOURCE / "data")
        (self.folder / "build" / "release").symlink_to(PENDEL.parent)
        shutil.copytree(SOURCE / "studies" / "examples", self.folder / "studies" / "examples")


class Pages(Place):
    def test_links(self):
        links = 0
        for page in PAGES:
            text = re.sub(r"(?ms)^```.*?^```$|`[^`\n]*`", "", page.read_text())
            for target in re.findall(r"\]\(([^)\s]+)\)", text):
                if re.match(r"[a-z]+:", target):
                    continue
                name, _, anchor = target.partition("#")
                path = (page.parent / urllib.parse.unquote(name)).resolve() if name else page
                with self.subTest(page=page.name, link=target):
                    links += 1
                    self.assertTrue(path.exists(), "there is no such file")
                    if anchor:
                        self.assertIn(anchor, anchors(path))
        self.assertGreater(links, 60)

    def test_every_page_is_in_the_index_and_in_the_site(self):
        index = (SOURCE / "docs" / "index.md").read_text()
        site = (SOURCE / "docs" / "contents.rst").read_text().split()
        for page in (SOURCE / "docs").glob("*.md"):
            self.assertTrue(page.stem in site, page.name)
            self.assertTrue(page.name in index or page.stem == "index", page.name)

    def test_pictures_of_the_frames_are_those_of_their_script(self):
        done = run([sys.executable, SOURCE / "docs" / "figures" / "frames.py", self.folder], self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        drawn = sorted(self.folder.glob("frames_*.svg"))
        self.assertEqual(len(drawn), 5)
        for picture in drawn:
            self.assertEqual(picture.read_text(), (SOURCE / "docs" / "figures" / picture.name).read_text(), picture.name)

    def test_theory_names_headers_and_sources_that_there_are(self):
        text = (SOURCE / "docs" / "theory.md").read_text()
        headers = re.findall(r"`(\w+/\w+\.[hc]pp)`", text)
        self.assertGreater(len(headers), 30)
        for header in headers:
            self.assertTrue((SOURCE / header).exists(), header)
        sources = set(re.findall(r"\*\*(\w+)\*\*", (SOURCE / "docs" / "references.md").read_text()))
        for group in re.findall(r"\[(\w+\d{4}(?:, \w+\d{4})*)\]", text):
            self.assertLessEqual(set(group.split(", ")), sources)

    def test_cpp_blocks_are_the_files_that_are_built(self):
        for page in PAGES:
            for language in "cpp", "cmake":
                for _, code in blocks(page, language):
                    built = [path.read_text() for path in (SOURCE / "tests" / "package").iterdir()]
                    if language == "cpp":
                        self.assertIn(code, built, page.name)
                    else:
                        for line in code.splitlines():
                            self.assertTrue(any(line in text for text in built), line)

    def test_yaml_blocks(self):
        """Whole studies as they are; parts in the place of what a fit has under the same key."""
        for name in ("SrTiO3_stack", "PbTiO3_stack", "PbTiO3_stack_polar_x", "PbTiO3_stack_polar_y"):
            shutil.copy(SOURCE / "data" / "cif" / f"{name}.cif", self.folder)
        shutil.copy(SOURCE / "data" / "scans" / "sto_pto_vortex.h5", self.folder / "scan.h5")
        with h5py.File(self.folder / "scan.h5", "r+") as scan:
            scan["intensity"] = scan["counts"]
        def sections(text):
            return dict(re.findall(r"(?ms)^(\w+):(.*?\n)(?=\w|\Z)", re.sub(r"(?m)^#.*\n", "", text)))
        whole = next(code for _, code in blocks(SOURCE / "README.md", "yaml"))
        count = 0
        for page in PAGES:
            for _, code in blocks(page, "yaml"):
                with self.subTest(page=page.name, block=code):
                    count += 1
                    if code.startswith(" "):
                        code = "fit:\n" + code
                    study = sections(code)
                    complete = "study" in study
                    if not complete:
                        base = sections(whole)
                        if "fit" in study:
                            study["fit"] = base["fit"] + study["fit"].lstrip("\n")
                        study = {**base, **study}
                    (self.folder / "study.yaml").write_text("".join(f"{k}:{v}" for k, v in study.items()))
                    done = run([PENDEL, "check", "study.yaml"], self.folder)
                    if complete:
                        self.assertEqual(done.returncode, 0, done.stderr)
                    # parts may not fit this scan's files and shape; what the reader says has a line
                    self.assertNotRegex(done.stderr, r"(?m)^study.yaml:\d+:")
        self.assertGreater(count, 5)


class Commands(Place):
    def test_sh_and_python_blocks(self):
        """The blocks of a page are one script: they may use what those before them have made."""
        package = (PENDEL.parent / "python" / "pendel").is_dir()
        count = 0
        for page in PAGES:
            script = "\n".join(code for info, code in blocks(page, "sh") if "not-run" not in info)
            with self.subTest(page=page.name):
                if script:
                    count += 1
                    done = run(["bash", "-e", "-c", script], self.folder, PATH=f"{PENDEL.parent}:{os.environ['PATH']}")
                    self.assertEqual(done.returncode, 0, done.stderr[-2000:])
                if (self.folder / "result.h5").exists():  # what `make demo` makes, too
                    (self.folder / "result.h5").rename(self.folder / "build" / "demo" / "vortex.h5")
                code = "\n".join(code for _, code in blocks(page, "python"))
                if not code or page.name == "python.md" or ("import pendel" in code and not package):
                    continue  # python.md: tests/python
                done = run([sys.executable, "-c", code], self.folder, PYTHONPATH=str(PENDEL.parent / "python"))
                self.assertEqual(done.returncode, 0, done.stderr[-2000:])
        self.assertGreater(count, 1)

    def test_every_new_study_runs(self):
        kinds = re.findall(r"(?m)^## Study `(\w+)`", (SOURCE / "docs" / "studies.md").read_text())
        self.assertEqual(len(kinds), 12)
        for kind in kinds:
            with self.subTest(kind):
                text = run([PENDEL, "new", kind], self.folder).stdout
                (self.folder / f"{kind}.yaml").write_text(text)
                done = run([PENDEL, "run", f"{kind}.yaml", "--quiet"], self.folder)
                self.assertEqual(done.returncode, 0, done.stderr)
                done = run([PENDEL, "info", f"{kind}.h5"], self.folder)
                self.assertEqual(done.returncode, 0, done.stderr)


if __name__ == "__main__":
    unittest.main()
