"""Bragg disks of a measured scan: how many and how strong, where they lie, and the template."""
import numpy as np
from matplotlib.colors import Normalize

from .detector import extent_of
from .maps import draw
from .result import step_and_aspect
from .style import PAGE, SEQUENTIAL, compressed, limits, map_grid, plt


def maps_figure(found):
    """Number and counts of the disks, and how crystalline; None for one position."""
    if found.number.values.size == 1:
        return None
    step, aspect = step_and_aspect(*found.number.axes)
    rows, columns = found.number.values.shape
    figure, places, _ = map_grid(3, (rows * aspect, columns), 3)
    for axes, array, title, label in zip(places, (found.number, found.counts, found.crystallinity),
                                         ("number of disks", "counts of the disks", "crystallinity"),
                                         ("disks", "counts", "part of diffracted counts in disks")):
        draw(axes, array.values, SEQUENTIAL, Normalize(*limits(array.values)), label, step)
        axes.set_aspect(aspect)
        axes.set_title(title)
    return figure


def peaks_figure(found):
    """All disks in one picture, and the template."""
    figure, (left, right) = plt.subplots(1, 2, layout="constrained", figsize=(PAGE, 3))
    cmap, norm = compressed(found.map.values)
    image = left.imshow(found.map.values, cmap=cmap, norm=norm, interpolation="nearest")
    figure.colorbar(image, ax=left, label="counts")
    left.set(title="disks of all positions", xlabel="column (pixels)", ylabel="row (pixels)")
    (_, rows, _), (_, columns, _) = found.template.axes
    edges = extent_of(rows, columns)
    values = found.template.values / np.max(found.template.values)
    image = right.imshow(values, extent=edges, cmap=SEQUENTIAL, interpolation="nearest")
    figure.colorbar(image, ax=right, label="height")
    right.set(title="template", xlabel="column from the middle (pixels)", ylabel="row from the middle (pixels)")
    return figure
