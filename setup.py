"""`pip install .`: CMake builds the compiled module; the libraries of packages.txt must be there (make packages)."""
import pathlib
import re
import shutil
import subprocess
import sys

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = pathlib.Path(__file__).resolve().parent
VERSION = re.search(r"project\(pendel VERSION ([\d.]+)", (ROOT / "CMakeLists.txt").read_text()).group(1)


class CMakeBuild(build_ext):
    def build_extension(self, extension):
        build = pathlib.Path(self.build_temp).resolve()
        settings = ["-DCMAKE_BUILD_TYPE=Release", "-DPENDEL_TESTS=OFF", "-DPENDEL_BENCH=OFF",
                    "-DPENDEL_PYTHON_PACKAGE=ON", f"-DPENDEL_PYTHON={sys.executable}"]
        subprocess.run(["cmake", "-S", str(ROOT), "-B", str(build), "-G", "Ninja", *settings], check=True)
        subprocess.run(["cmake", "--build", str(build), "--target", "_pendel", "pendel"], check=True)
        target = pathlib.Path(self.get_ext_fullpath(extension.name)).resolve().parent
        target.mkdir(parents=True, exist_ok=True)
        for module in (build / "python/pendel").glob("_pendel*"):
            shutil.copy2(module, target)
        # what `pendel.new_study` refers to
        shutil.copytree(ROOT / "data", target / "share/data", dirs_exist_ok=True)
        (target / "share/bin").mkdir(exist_ok=True)
        shutil.copy2(build / "pendel", target / "share/bin")


setup(version=VERSION, packages=["pendel", "pendel_plot"], package_dir={"": "python"},
      package_data={"pendel": ["*.pyi", "py.typed"]},
      ext_modules=[Extension("pendel._pendel", sources=[])], cmdclass={"build_ext": CMakeBuild})
