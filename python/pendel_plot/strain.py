"""Strain and rotation of measured lattices: maps with their errors, and means along the scan."""
import numpy as np
from matplotlib.colors import Normalize

from .maps import draw
from .result import step_and_aspect
from .style import DIVERGING, ERROR, PAGE, limits, map_grid, plt

LABELS = {"e_xx": r"$\varepsilon_{xx}$", "e_yy": r"$\varepsilon_{yy}$",
          "e_xy": r"$\varepsilon_{xy}$", "rotation": "rotation"}


def percent(name, array):
    """Values and unit for people: strain in %, rotation in degrees."""
    return (array.values, "°") if name == "rotation" else (100 * array.values, "%")


def maps_figure(found):
    """The four maps above their standard errors; None for one position."""
    if max(found.shape) == 1:
        return None
    step, aspect = step_and_aspect(*found.strain["e_xx"].axes[:2])
    figure, places, _ = map_grid(8, (found.shape[0] * aspect, found.shape[1]))
    for column, (name, array) in enumerate(found.strain.items()):
        above, below = places[column], places[4 + column]
        values, unit = percent(name, array)
        middle = np.nanmedian(values) if name == "rotation" else 0.0
        bound = np.abs(limits(values - middle)).max() or 1e-6
        draw(above, values, DIVERGING, Normalize(middle - bound, middle + bound), f"{LABELS[name]} ({unit})", step)
        above.set_title(LABELS[name])
        error, unit = percent(name, found.errors[name])
        draw(below, error, ERROR, Normalize(*limits(error)), f"σ ({unit})", step)
        below.set_title(f"standard error of {LABELS[name]}")
        for axes in (above, below):
            axes.set_aspect(aspect)
    return figure


def profiles_figure(found):
    """Means over the scan's columns and over its rows, with the scatter of the positions."""
    figure, grid = plt.subplots(2, 2, layout="constrained", figsize=(PAGE, 3.8), sharex="col")
    for column, along in enumerate(("columns", "rows")):
        for name in found.strain:
            array = found.profiles[f"{name}_of_{along}"]
            values, unit = percent(name, array)
            axes = grid[1 if name == "rotation" else 0, column]
            at = np.arange(len(values))
            line, = axes.plot(at, values[:, 0], label=LABELS[name], linewidth=1.2)
            axes.fill_between(at, values[:, 0] - values[:, 1], values[:, 0] + values[:, 1],
                              color=line.get_color(), alpha=0.2, linewidth=0)
            axes.set_ylabel(f"{'rotation' if name == 'rotation' else 'strain'} ({unit})")
        grid[0, column].legend(frameon=False, ncol=3)
        grid[1, column].set_xlabel(along[:-1] + " (mean over the others, band: scatter)")
    return figure
