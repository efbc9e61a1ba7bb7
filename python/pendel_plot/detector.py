"""Diffraction patterns as a detector records them."""
import numpy as np
from matplotlib.colors import Normalize

from .style import PAGE, compressed, greatest, plt, with_unit


def extent_of(rows, columns):
    """Edges of the image in the coordinates of the axes' pixel centres, row 0 on top."""
    half = [0.5 * (c[1] - c[0]) if len(c) > 1 else 0.5 for c in (columns, rows)]
    return columns[0] - half[0], columns[-1] + half[0], rows[-1] + half[1], rows[0] - half[1]


def patterns_figure(panels, axes, unit):
    """Every (title, pattern) linear and logarithmic: above each other, or side by side if it is one.

    axes: of rows and columns.
    """
    (_, rows, angle), (_, columns, _) = axes
    lines, across = (2, len(panels)) if len(panels) > 1 else (1, 2)
    width = min(PAGE / across, 3)
    figure, grid = plt.subplots(lines, across, squeeze=False, sharex=True, sharey=True,
                                layout="constrained", figsize=(width * across, (width - 0.6) * len(rows) / len(columns) * lines + 0.75))
    for k, (title, values) in enumerate(panels):
        high = greatest(values) or 1.0
        cmap, logarithmic = compressed(values)
        pair = grid[:, k] if len(panels) > 1 else grid[0]
        for place, norm in zip(pair, (Normalize(0, high), logarithmic)):
            image = place.imshow(values, extent=extent_of(rows, columns), cmap=cmap, norm=norm,
                                 interpolation="nearest")
            bar = figure.colorbar(image, cax=place.inset_axes([1.03, 0, 0.05, 1]))
            bar.ax.tick_params(labelsize="small")
            if norm is not logarithmic:
                bar.formatter.set_powerlimits((-2, 4))
        pair[0].set_title(title)
    figure.suptitle(with_unit("intensity of a pixel", unit or "incident beam = 1"), fontsize="medium")
    figure.supxlabel(f"angle along x ({angle})", fontsize="medium")
    figure.supylabel(f"angle along y ({angle}), down", fontsize="medium")
    return figure


def some(items, most=4):
    """At most that many, evenly chosen, with the last."""
    if len(items) <= most:
        return list(items)
    return [items[int(i)] for i in np.linspace(0, len(items) - 1, most).round()]


def cbed_figure(cbed):
    """The convergent-beam patterns at up to four thicknesses."""
    panels = [(f"{t:.4g} Å", values) for t, values in zip(cbed.axes[0][1], cbed.values)]
    return patterns_figure(some(panels), cbed.axes[1:], cbed.unit)
