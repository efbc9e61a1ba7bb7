"""A measured scan: virtual images, deflection and its integral, patterns over the scan."""
import numpy as np
from matplotlib.colors import Normalize

from .detector import patterns_figure
from .maps import arrow_panel, draw
from .result import step_and_aspect
from .style import COLUMN, DIVERGING, SEQUENTIAL, limits, map_grid, plt, with_unit


def maps_figure(found):
    """Virtual images, then the deflection as arrows and its integral; None for one position."""
    if max(found.shape) == 1:
        return None
    step, aspect = step_and_aspect(*found.centre_of_mass[0].axes)
    count = len(found.images) + 1 + (found.integrated is not None)
    figure, places, _ = map_grid(count, (found.shape[0] * aspect, found.shape[1]), 3)
    places = iter(places)
    for name, array in found.images.items():
        axes = next(places)
        draw(axes, array.values, SEQUENTIAL, Normalize(*limits(array.values)), "intensity", step)
        axes.set_aspect(aspect)
        axes.set_title(name.replace("_", " "))
    x, y = (array.values - np.nanmean(array.values) for array in found.centre_of_mass)
    magnitude = np.hypot(x, y)
    high = limits(magnitude)[1]
    axes = next(places)
    arrow_panel(axes, x, y, Normalize(0, high), high, step,
                with_unit("deflection", found.centre_of_mass[0].unit), aspect)
    axes.set_title("centre of mass less its mean")
    if found.integrated is not None:
        axes, values = next(places), found.integrated.values
        bound = np.abs(limits(values)).max()
        draw(axes, values, DIVERGING, Normalize(-bound, bound),
             with_unit("phase" if found.integrated.unit == "rad" else "integral",
                       found.integrated.unit), step)
        axes.set_aspect(aspect)
        axes.set_title("integrated centre of mass")
    return figure


def patterns(found):
    """Mean, median, maximum and standard deviation over the scan, linear and logarithmic."""
    panels = [(name, array.values) for name, array in found.patterns.items() if name != "variance"]
    if "variance" in found.patterns:
        panels.append(("standard deviation", np.sqrt(found.patterns["variance"].values)))
    axes = next(iter(found.patterns.values())).axes
    return patterns_figure(panels, axes, "counts")


def radial_figure(found):
    """Radial mean, fluctuations and pair distribution, as far as there are any; None without."""
    if not found.radial:
        return None
    panels = [("mean", ["mean"]), ("fluctuation V", ["fluctuation", "fluctuation_within"]),
              ("structure function F", ["structure"]), ("pair distribution G", ["pair_distribution"])]
    panels = [(label, [n for n in names if n in found.radial]) for label, names in panels]
    panels = [(label, names) for label, names in panels if names]
    figure, grid = plt.subplots(len(panels), 1, squeeze=False, layout="constrained",
                                figsize=(COLUMN, 1.6 * len(panels) + 0.2))
    for axes, (label, names) in zip(grid[:, 0], panels):
        for name in names:
            array = found.radial[name]
            axis, at, unit = array.axes[0]
            error = found.radial.get(f"{name}_error")
            if error is None:
                axes.plot(at, array.values, linewidth=1)
            else:
                axes.errorbar(at, array.values, error.values, linewidth=0.8,
                              label="over the scan" if name == "fluctuation" else "within rings")
        if len(names) > 1:
            axes.legend(frameon=False)
        if label == "mean":
            axes.set_yscale("log")
        axes.set_xlabel(with_unit(axis, unit))
        axes.set_ylabel(with_unit(label, array.unit))
    return figure
