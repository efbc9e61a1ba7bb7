"""A 4D-STEM scan: virtual images, centre of mass, mean pattern and the pattern of one position."""
import numpy as np
from matplotlib.colors import Normalize

from .detector import patterns_figure, some
from .maps import arrow_panel, draw
from .result import step_and_aspect
from .style import COLUMN, SEQUENTIAL, limits, map_grid, plt, with_unit


def thickness_titles(array):
    """What follows the name in a title; nothing where there is one thickness."""
    thicknesses = array.axes[0][1]
    return [f", {t:.4g} Å" if len(thicknesses) > 1 else "" for t in thicknesses]


def images_figure(scan):
    """Virtual detectors in rows, thicknesses in columns; curves for a line; None for one position."""
    if max(scan.shape) == 1:
        return None
    if min(scan.shape) == 1:
        return line_figure(scan)
    step, aspect = step_and_aspect(*scan.centre_of_mass[0].axes[1:])
    titles = thickness_titles(scan.centre_of_mass[0])
    shown = some(range(len(titles)))
    # one thickness: detectors side by side
    figure, places, _ = map_grid(len(scan.images) * len(shown), (scan.shape[0] * aspect, scan.shape[1]),
                                 3 if len(shown) == 1 else len(shown))
    places = iter(places)
    for name, array in scan.images.items():
        for t in shown:
            axes, values = next(places), array.values[t]
            draw(axes, values, SEQUENTIAL, Normalize(*limits(values)), "fraction of the beam", step)
            axes.set_aspect(aspect)
            axes.set_title(name.replace("_", " ") + titles[t])
    return figure


def line_figure(scan):
    """Virtual images of a scan along a line, at the greatest thickness."""
    along = 1 + int(np.argmax(scan.shape))
    figure, axes = plt.subplots(layout="constrained", figsize=(COLUMN, 2.8))
    label, coordinates, unit = scan.centre_of_mass[0].axes[along]
    for name, array in scan.images.items():
        axes.plot(coordinates, array.values[-1].ravel(), ".-", linewidth=1,
                  label=name.replace("_", " "))
    axes.set_xlabel(with_unit("x" if along == 2 else "y", unit) if unit == "Å" else label)
    axes.set_ylabel("fraction of the incident beam")
    axes.set_title("virtual detectors" + thickness_titles(scan.centre_of_mass[0])[-1], loc="left")
    axes.grid(linewidth=0.3)
    axes.legend(frameon=False)
    return figure


def centre_of_mass_figure(scan):
    """Mean scattering angle as arrows, per thickness; None where the scan is no map."""
    if min(scan.shape) == 1:
        return None
    step, aspect = step_and_aspect(*scan.centre_of_mass[0].axes[1:])
    x, y = (array.values for array in scan.centre_of_mass)
    titles = thickness_titles(scan.centre_of_mass[0])
    shown = some(range(len(titles)))
    figure, places, _ = map_grid(len(shown), (scan.shape[0] * aspect, scan.shape[1]))
    for axes, t in zip(places, shown):
        magnitude = np.hypot(x[t], y[t])
        high = limits(magnitude)[1]
        arrow_panel(axes, x[t], y[t], Normalize(0, high), high, step, "angle (mrad)", aspect)
        axes.set_title("centre of mass" + titles[t])
    return figure


def mean_figure(scan):
    """Mean pattern over the scan, or over an even sample of a large one, per thickness."""
    panels = []
    positions = scan.shape[0] * scan.shape[1]
    for cube in some(scan.cubes):
        mean, count = cube.mean()
        of = f"mean of {count} patterns" if count == positions else \
            f"mean of {count} of {positions} patterns"
        panels.append((", ".join(filter(None, [of, cube.label])), mean))
    return patterns_figure(panels, scan.cubes[0].axes[2:], scan.cubes[0].unit)


def pattern_figure(scan, position):
    """The pattern of one position, per thickness."""
    place = f"row, column {', '.join(map(str, position))}"
    panels = [(", ".join(filter(None, [place, cube.label])), cube.pattern(*position))
              for cube in some(scan.cubes)]
    return patterns_figure(panels, scan.cubes[0].axes[2:], scan.cubes[0].unit)
