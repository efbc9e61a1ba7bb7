"""Draws every figure that a result file has data for and prints the files made.

Exit status: 0 done, 2 wrong arguments, 3 the file is not a result.
"""
import argparse
import pathlib
import sys

from . import (bragg, calibrate, classify, detector, disks, flow, images, maps, orientations, pattern, plan,
               profiles, result, rings, stem, strain)


def position(argument):
    parts = [part.strip() for part in argument.split(",")]
    if len(parts) > 2 or not all(part.isdecimal() for part in parts):
        raise argparse.ArgumentTypeError(f"'{argument}' is not ROW,COLUMN such as 3,5 (or a number "
                                         "where the scan is a list of positions)")
    return tuple(map(int, parts))


def check_position(at, shape):
    if len(at) != len(shape) or any(i >= n for i, n in zip(at, shape)):
        raise result.NotAResult(f"--position {','.join(map(str, at))} is not in the scan, whose shape "
                                f"is {','.join(map(str, shape))} (counted from 0)")


def fit_figures(fit, chosen):
    """(name, figure) of everything the fit holds."""
    at = disks.typical_position(fit) if chosen is None else chosen
    check_position(at, fit.shape)
    if len(fit.shape) == 2:
        yield "maps", maps.maps_figure(fit)
        for name, x, y in maps.polarization_pairs(fit):
            yield name.replace(".", "_"), maps.polarization_figure(name, x, y, fit.step)
    else:
        yield "positions", maps.lines_figure(fit)
    yield "disks_" + "_".join(map(str, at)), disks.disks_figure(fit, at)
    for found in fit.profiles:
        yield "profile_" + found.name.replace(".", "_"), profiles.profile_figure(found, fit.shape)


def pattern_figures(found):
    yield "spots", pattern.spots_figure(found)
    yield "thickness", pattern.thickness_figure(found)
    yield "tilt", pattern.tilt_figure(found)
    yield "map", pattern.map_figure(found)
    if found.cbed is not None:
        yield "cbed", detector.cbed_figure(found.cbed)
    for name, arrays in found.rings.items():
        yield "rings_" + name, rings.rings_figure(name, arrays)


def stem_figures(scan, chosen):
    at = tuple(n // 2 for n in scan.shape) if chosen is None else chosen
    check_position(at, scan.shape)
    yield "images", stem.images_figure(scan)
    yield "centre_of_mass", stem.centre_of_mass_figure(scan)
    if scan.cubes:
        yield "mean", stem.mean_figure(scan)
        yield "pattern_" + "_".join(map(str, at)), stem.pattern_figure(scan, at)


def images_figures(found):
    yield "images", images.maps_figure(found)
    yield "patterns", images.patterns(found)
    yield "radial", images.radial_figure(found)


def calibration_figures(found):
    yield "origin", calibrate.origin_figure(found)
    yield "rings", calibrate.rings_figure(found)
    yield "profile", calibrate.profile_figure(found)


def classify_figures(found):
    yield "classes", classify.maps_figure(found)
    yield "components", classify.patterns_figure(found)
    yield "bragg_vector_map", classify.map_figure(found)
    yield "numbers", classify.numbers_figure(found)


def strain_figures(found):
    yield "strain", strain.maps_figure(found)
    yield "profiles", strain.profiles_figure(found)


def match_figures(found):
    yield "ipf", orientations.ipf_figure(found)
    yield "phases", orientations.phases_figure(found)
    yield "quality", orientations.quality_figure(found)
    yield "misorientation", orientations.misorientation_figure(found)


def flow_figures(found):
    for name, ring in found.rings.items():
        yield name + "_lines", flow.lines_figure(ring)
        yield name + "_histogram", flow.histogram_figure(ring)


def disks_figures(found):
    yield "maps", bragg.maps_figure(found)
    yield "disks", bragg.peaks_figure(found)


def plan_figures(found):
    yield "errors", plan.errors_figure(found)
    yield "separation", plan.separation_figure(found)
    yield "bias", plan.bias_figure(found)


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
        if isinstance(found, result.FitResult):
            figures = fit_figures(found, arguments.position)
        elif isinstance(found, result.StemResult):
            figures = stem_figures(found, arguments.position)
        elif isinstance(found, result.DisksResult):
            figures = disks_figures(found)
        elif isinstance(found, result.ImagesResult):
            figures = images_figures(found)
        elif isinstance(found, result.CalibrationResult):
            figures = calibration_figures(found)
        elif isinstance(found, result.ClassifyResult):
            figures = classify_figures(found)
        elif isinstance(found, result.MatchResult):
            figures = match_figures(found)
        elif isinstance(found, result.StrainResult):
            figures = strain_figures(found)
        elif isinstance(found, result.FlowResult):
            figures = flow_figures(found)
        elif isinstance(found, result.PlanResult):
            figures = plan_figures(found)
        else:
            figures = pattern_figures(found)
        arguments.output.mkdir(parents=True, exist_ok=True)
        for name, figure in figures:
            if figure is not None:
                path = arguments.output / f"{arguments.result.stem}_{name}.{arguments.format}"
                figure.savefig(path)
                print(path)
    except (result.NotAResult, OSError) as error:
        print(f"pendel plot: {error}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
