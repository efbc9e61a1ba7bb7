"""Classes of a scan's positions: maps, the components' patterns of Bragg peaks, their stability."""
import matplotlib
import numpy as np
from matplotlib.colors import ListedColormap, Normalize

from .detector import extent_of
from .maps import draw
from .result import step_of
from .style import COLUMN, ERROR, MISSING, PAGE, SEQUENTIAL, compressed, limits, map_grid, plt


def class_colours(count):
    """One colour for each class."""
    cmap = matplotlib.colormaps["tab10" if count <= 10 else "tab20"]
    return [cmap(k % cmap.N) for k in range(count)]


def class_map(axes, classes, count, step):
    colours = ListedColormap(class_colours(count))
    colours.set_bad(MISSING)
    draw(axes, classes, colours, Normalize(0.5, count + 0.5), "", step)
    axes.child_axes[0].set_yticks(range(1, count + 1))


def maps_figure(found):
    """The map of classes, the weights of every component, how sure the class is, what is left."""
    count = len(found.weights.values)
    step = step_of(found.weights.axes[2])
    panels = [(f"component {k + 1}", found.weights.values[k], SEQUENTIAL,
               Normalize(0, limits(found.weights.values[k])[1]), "weight") for k in range(count)]
    panels += [("restarts of the same class", found.agreement.values, ERROR, Normalize(0, 1), ""),
               ("residual", found.residual.values, SEQUENTIAL,
                Normalize(*limits(found.residual.values)), "|x − wH| / |x|")]
    figure, (first, *places), _ = map_grid(len(panels) + 1, found.shape)
    class_map(first, found.classes.values, count, step)
    first.set_title("component of most weight")
    for axes, (title, values, cmap, norm, label) in zip(places, panels):
        draw(axes, values, cmap, norm, label, step)
        axes.set_title(title)
    return figure


def vector_panel(axes, found, colour, pattern):
    """Features of a component as disks, their area their share, over the map of all peaks."""
    limit = np.abs(found.q.values).max() * 1.08
    axes.scatter(*found.q.values.T, s=0.5, color="0.7")
    axes.scatter(*found.q.values.T, s=60 * pattern / (pattern.max() or 1), color=colour,
                 alpha=0.8, linewidth=0)
    axes.plot(0, 0, "+", color="black")
    axes.set(xlim=(-limit, limit), ylim=(limit, -limit), aspect="equal")


def patterns_figure(found):
    """The Bragg-vector map and the pattern of every component."""
    count = len(found.patterns.values)
    colours = class_colours(count)
    if found.q.values.ndim == 1:
        figure, grid = plt.subplots(count, 1, squeeze=False, sharex=True, layout="constrained",
                                    figsize=(COLUMN, 0.8 * count + 0.5))
        for k, axes in enumerate(grid[:, 0]):
            axes.fill_between(found.q.values, found.patterns.values[k], color=colours[k])
            axes.set_ylim(0)
            axes.set_title(f"component {k + 1}", loc="left")
            for q in found.radial_maxima:
                axes.axvline(q, color="0.6", linewidth=0.5, zorder=0)
        grid[-1, 0].set_xlabel("|q| (1/Å); grey: highest maxima of the radial histogram")
        return figure
    across = min(count, 4)
    lines = -(-count // across)
    figure, grid = plt.subplots(lines, across, squeeze=False, layout="constrained", sharex=True,
                                sharey=True, figsize=(PAGE, (PAGE / across + 0.1) * lines + 0.3))
    for k, axes in enumerate(grid.flat):
        if k >= count:
            axes.set_axis_off()
            continue
        vector_panel(axes, found, colours[k], found.patterns.values[k])
        axes.set_title(f"component {k + 1}")
    figure.supxlabel("x, along the scan's columns (1/Å)", fontsize="medium")
    figure.supylabel("y, along its rows (1/Å), down", fontsize="medium")
    return figure


def map_figure(found):
    """The Bragg-vector map, and the histogram of lengths with its maxima."""
    figure, (image, line) = plt.subplots(1, 2, layout="constrained", figsize=(PAGE, 3.1),
                                         gridspec_kw={"width_ratios": (1, 1.2)})
    (_, rows, unit), (_, columns, _) = found.map.axes
    cmap, norm = compressed(found.map.values)
    image.imshow(found.map.values, extent=extent_of(rows, columns), cmap=cmap, norm=norm,
                 interpolation="nearest")
    image.set_xlabel(f"x, along the scan's columns ({unit})")
    image.set_ylabel(f"y, along its rows ({unit}), down")
    image.set_title("Bragg-vector map (logarithmic)")
    q = found.histogram.axes[0][1]
    shown = found.histogram.values > 0
    line.step(q[shown], found.histogram.values[shown], where="mid", color="black", linewidth=0.8)
    heights = np.interp(found.radial_maxima, q, found.histogram.values)
    line.plot(found.radial_maxima, heights, "v", color="C3", markersize=4)
    for x, y in zip(found.radial_maxima, heights):
        line.annotate(f"{x:.4g}", (x, y), xytext=(0, 5), textcoords="offset points", rotation=90,
                      ha="center", va="bottom", fontsize="small")
    line.set(yscale="log", xlabel=f"|q| ({unit})", ylabel="intensity")
    line.margins(y=0.12)
    return figure


def numbers_figure(found):
    """Stability and what is left against the number of components; None if one was tried."""
    tried = next(iter(found.numbers.values())).axes[0][1]
    if len(tried) == 1:
        return None
    figure, (stable, left) = plt.subplots(1, 2, layout="constrained", figsize=(PAGE, 2.4))
    for name, style in (("least_similarity", "o-"), ("mean_similarity", "s-"),
                        ("agreement", "^--"), ("cophenetic", "x:")):
        stable.plot(tried, found.numbers[name].values, style, markersize=4, linewidth=1,
                    label=name.replace("_", " "))
    left.plot(tried, 100 * found.numbers["unexplained"].values, "o-", color="black", markersize=4)
    left.set(xlabel="components", ylabel="unexplained (%)", ylim=(0, None))
    stable.set(xlabel="components", ylabel="stability over restarts", ylim=(None, 1.02))
    stable.legend(frameon=False)
    for axes in (stable, left):
        axes.axvline(len(found.weights.values), color="0.6", linewidth=0.8, zorder=0)
        axes.locator_params(axis="x", integer=True)
        axes.grid(linewidth=0.3)
    return figure
