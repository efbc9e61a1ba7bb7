"""Bragg disks of a measured scan: how many and how strong, where they lie, and the template."""
import numpy as np
from matplotlib.colors import Normalize

from .maps import draw
from .result import step_of
from .style import SEQUENTIAL, compressed, limits, plt

PANEL = 2.8  # inches


def maps_figure(found):
    """Number and counts of the disks, and how crystalline; None for one position."""
    if found.number.values.size == 1:
        return None
    (_, row_axis), (_, column_axis) = ((axis[0], axis) for axis in found.number.axes)
    step, down = step_of(column_axis), step_of(row_axis)
    aspect = down[0] / step[0] if step and down else 1.0
    rows, columns = found.number.values.shape
    height = PANEL * min(max(rows * aspect / columns, 0.3), 2)
    figure, grid = plt.subplots(1, 3, layout="constrained",
                                figsize=(3 * (PANEL + 1.1) + 0.2, height + 0.7))
    for axes, array, title, label in zip(grid, (found.number, found.counts, found.crystallinity),
                                         ("number of disks", "counts of the disks", "crystallinity"),
                                         ("disks", "counts", "diffracted counts that are in disks")):
        draw(axes, array.values, SEQUENTIAL, Normalize(*limits(array.values)), label, step)
        axes.set_aspect(aspect)
        axes.set_title(title)
    return figure


def peaks_figure(found):
    """All disks in one picture, and the template."""
    figure, (left, right) = plt.subplots(1, 2, layout="constrained", figsize=(9.2, 4.2),
                                         gridspec_kw={"width_ratios": [1.6, 1]})
    cmap, norm = compressed(found.map.values)
    image = left.imshow(found.map.values, cmap=cmap, norm=norm, interpolation="nearest")
    figure.colorbar(image, ax=left, label="counts")
    left.set(title="disks of all positions", xlabel="column (pixels)", ylabel="row (pixels)")
    (_, rows, _), (_, columns, _) = found.template.axes
    edges = columns[0], columns[-1], rows[-1], rows[0]
    values = found.template.values / np.max(found.template.values)
    image = right.imshow(values, extent=edges, cmap=SEQUENTIAL, interpolation="nearest")
    figure.colorbar(image, ax=right, label="height")
    right.set(title="template", xlabel="pixels", ylabel="pixels")
    return figure
