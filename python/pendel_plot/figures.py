"""Every figure that a result has data for, by name.

A name given to `plot` also stands for those that begin with it and an underscore: "disks" for disks_3_5.
"""
import os

from . import (bragg, calibrate, classify, detector, disks, flow, images, maps, orientations, pattern, plan,
               profiles, result, rings, stem, strain)
from .style import STYLE, plt


def checked(position, shape, default):
    """The scan position asked for, else `default`; NotAResult if the scan does not have it."""
    if position is None:
        return default
    at = tuple(position)
    if len(at) != len(shape) or any(not 0 <= i < n for i, n in zip(at, shape)):
        raise result.NotAResult(f"position {','.join(map(str, at))} is not in the scan, whose shape "
                                f"is {','.join(map(str, shape))} (counted from 0)")
    return at


def of_fit(found, position):
    at = checked(position, found.shape, disks.typical_position(found))
    if len(found.shape) == 2:
        yield "maps", lambda: maps.maps_figure(found)
        for name, x, y in maps.polarization_pairs(found):
            yield name.replace(".", "_"), lambda n=name, x=x, y=y: maps.polarization_figure(n, x, y, found.step)
    elif found.status.size == 1:
        yield "parameters", lambda: maps.parameters_figure(found)
    else:
        yield "positions", lambda: maps.lines_figure(found)
    yield "disks_" + "_".join(map(str, at)), lambda: disks.disks_figure(found, at)
    for profile in found.profiles:
        yield ("profile_" + profile.name.replace(".", "_"),
               lambda p=profile: profiles.profile_figure(p, found.shape))


def of_pattern(found, _):
    yield "spots", lambda: pattern.spots_figure(found)
    yield "thickness_fringes", lambda: pattern.fringes_figure(found)
    yield "rocking_curves", lambda: pattern.rocking_figure(found)
    yield "lacbed", lambda: pattern.lacbed_figure(found)
    yield "thickness_tilt", lambda: pattern.map_figure(found)
    if found.cbed is not None:
        yield "cbed", lambda: detector.cbed_figure(found.cbed)
    for name, arrays in found.rings.items():
        yield "rings_" + name, lambda n=name, a=arrays: rings.rings_figure(n, a)


def of_stem(scan, position):
    at = checked(position, scan.shape, tuple(n // 2 for n in scan.shape))
    yield "images", lambda: stem.images_figure(scan)
    yield "centre_of_mass", lambda: stem.centre_of_mass_figure(scan)
    if scan.cubes:
        yield "mean", lambda: stem.mean_figure(scan)
        yield "pattern_" + "_".join(map(str, at)), lambda: stem.pattern_figure(scan, at)


def of_flow(found, _):
    for name, ring in found.rings.items():
        yield name + "_lines", lambda r=ring: flow.lines_figure(r)
        yield name + "_histogram", lambda r=ring: flow.histogram_figure(r)


def each(**functions):
    """Figures that need the result alone."""
    return lambda found, _: ((name, lambda f=function: f(found)) for name, function in functions.items())


OF = {
    result.FitResult: of_fit, result.PatternResult: of_pattern, result.StemResult: of_stem,
    result.FlowResult: of_flow,
    result.ImagesResult: each(images=images.maps_figure, patterns=images.patterns, radial=images.radial_figure),
    result.CalibrationResult: each(origin=calibrate.origin_figure, rings=calibrate.rings_figure,
                                   profile=calibrate.profile_figure),
    result.ClassifyResult: each(classes=classify.maps_figure, components=classify.patterns_figure,
                                bragg_vector_map=classify.map_figure, numbers=classify.numbers_figure),
    result.StrainResult: each(strain=strain.maps_figure, profiles=strain.profiles_figure),
    result.MatchResult: each(ipf=orientations.ipf_figure, phases=orientations.phases_figure,
                             quality=orientations.quality_figure,
                             misorientation=orientations.misorientation_figure),
    result.DisksResult: each(maps=bragg.maps_figure, disks=bragg.peaks_figure),
    result.PlanResult: each(errors=plan.errors_figure, separation=plan.separation_figure,
                            bias=plan.bias_figure),
}


def plot(found, *names, position=None):
    """(name, matplotlib Figure) of the figures `names`, or of all that the result has data for.

    found: a result or its file; position: (row, column) of the pattern or disks that are drawn.
    """
    if isinstance(found, (str, os.PathLike)):
        found = result.read(found)
    figures = dict(OF[type(found)](found, position))
    for wanted in names:
        if not any((name + "_").startswith(wanted + "_") for name in figures):
            raise ValueError(f"there is no figure '{wanted}' of this result; it has {', '.join(figures)}")
    for name, function in figures.items():
        if not names or any((name + "_").startswith(wanted + "_") for wanted in names):
            with plt.rc_context(STYLE):
                figure = function()
            if figure is not None:
                yield name, figure
