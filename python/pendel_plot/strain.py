"""Strain and rotation of measured lattices: maps with their errors, and means along the scan."""
import numpy as np
from matplotlib.colors import Normalize

from .maps import draw
from .style import DIVERGING, ERROR, limits, plt

PANEL = 2.3  # inches
LABELS = {"e_xx": r"$\varepsilon_{xx}$", "e_yy": r"$\varepsilon_{yy}$",
          "e_xy": r"$\varepsilon_{xy}$", "rotation": "rotation"}


def percent(name, array):
    """Values and unit for people: strain in %, rotation in degrees."""
    return (array.values, "°") if name == "rotation" else (100 * array.values, "%")


def maps_figure(found):
    """The four maps above their standard errors; None for one position."""
    if max(found.shape) == 1:
        return None
    height = PANEL * min(max(found.shape[0] / found.shape[1], 0.3), 2)
    figure, grid = plt.subplots(2, 4, squeeze=False, layout="constrained",
                                figsize=(4 * (PANEL + 1) + 0.2, 2 * (height + 0.5) + 0.2))
    for column, (name, array) in enumerate(found.strain.items()):
        values, unit = percent(name, array)
        middle = np.nanmedian(values) if name == "rotation" else 0.0
        bound = np.abs(limits(values - middle)).max() or 1e-6
        draw(grid[0, column], values, DIVERGING, Normalize(middle - bound, middle + bound), unit,
             None)
        grid[0, column].set_title(LABELS[name])
        error, unit = percent(name, found.errors[name])
        draw(grid[1, column], error, ERROR, Normalize(*limits(error)), unit, None)
        grid[1, column].set_title(f"error of {LABELS[name]}")
    return figure


def profiles_figure(found):
    """Means over the scan's columns and over its rows, with the scatter of the positions."""
    figure, grid = plt.subplots(2, 2, layout="constrained", figsize=(9, 5.5), sharex="col")
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
        grid[0, column].legend(frameon=False, ncols=3)
        grid[1, column].set_xlabel(along[:-1] + " (mean over the others, band: scatter)")
    return figure
