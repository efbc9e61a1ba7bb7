"""Draws every figure that a result file has data for and prints the files made.

Exit status: 0 done, 2 wrong arguments, 3 the file is not a result.
"""
import argparse
import pathlib
import sys

import matplotlib

matplotlib.use("Agg")
from . import figures, result  # noqa: E402
from .style import STYLE, plt  # noqa: E402


def position(argument):
    parts = [part.strip() for part in argument.split(",")]
    if len(parts) > 2 or not all(part.isdecimal() for part in parts):
        raise argparse.ArgumentTypeError(f"'{argument}' is not ROW,COLUMN such as 3,5 (or a number "
                                         "where the scan is a list of positions)")
    return tuple(map(int, parts))


def main(argv=None):
    parser = argparse.ArgumentParser(prog="pendel plot", description=__doc__.splitlines()[0])
    parser.add_argument("result", type=pathlib.Path, help="HDF5 file written by pendel run")
    parser.add_argument("-o", "--output", type=pathlib.Path, default=pathlib.Path("."),
                        metavar="DIR", help="folder of the figures; made if missing")
    parser.add_argument("--format", choices=["png", "pdf", "svg"], default="png")
    parser.add_argument("--position", type=position, metavar="ROW,COLUMN",
                        help="scan position of the disk intensities (default: that of median χ²) or "
                             "of the pattern (default: the middle)")
    arguments = parser.parse_args(argv)
    try:
        found = result.read(arguments.result)
        arguments.output.mkdir(parents=True, exist_ok=True)
        for name, figure in figures.plot(found, position=arguments.position):
            path = arguments.output / f"{arguments.result.stem}_{name}.{arguments.format}"
            with plt.rc_context(STYLE):
                figure.savefig(path)
            plt.close(figure)
            print(path)
    except (result.NotAResult, OSError) as error:
        print(f"pendel plot: {error}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
