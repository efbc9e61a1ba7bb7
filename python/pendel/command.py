"""The command `pendel` where pip has installed it: the program beside this package takes over."""
import os
import sys


def main():
    os.environ.setdefault("PENDEL_PYTHON", sys.executable)  # draws the figures of `pendel plot`
    program = os.path.join(os.path.dirname(__file__), "share", "bin", "pendel")
    os.execv(program, ["pendel", *sys.argv[1:]])
