"""Orientation maps: lines coloured by their angle, and the histogram of angles."""
import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.colors import hsv_to_rgb

from .result import step_of
from .style import MISSING, plt, scale_bar

PANEL = 5.0  # inches


def angle_colours(angle_deg, value=1.0):
    """A colour for each orientation, the same after 180 degrees."""
    hue = np.asarray(angle_deg) / 180 % 1
    value = np.broadcast_to(value, hue.shape)
    return hsv_to_rgb(np.stack([hue, 0.85 * np.ones_like(hue), value], -1))


def colour_wheel(axes):
    """What colour stands for what direction in the map, rows downwards."""
    angle = np.arange(0, 360, 2)
    axes.bar(np.radians(angle), 0.5, width=np.radians(2.2), bottom=0.5, color=angle_colours(angle),
             linewidth=0)
    axes.set_theta_direction(-1)  # y is down
    axes.set(xticks=[], yticks=[], ylim=(0, 1))
    for place, name in ((0, "x"), (np.pi / 2, "y")):
        axes.text(place, 0.3, name, ha="center", va="center", fontsize=8)
    axes.spines["polar"].set_visible(False)
    axes.grid(False)


def segments(lines):
    """(segments (n, 2, 2), angle, strength) of all steps from point to point of one line."""
    same = lines[1:, 0] == lines[:-1, 0]
    ends = np.stack([lines[:-1, 1:3], lines[1:, 1:3]], 1)[same]
    return ends, lines[1:, 3][same], lines[1:, 4][same]


def lines_figure(ring):
    """Flow lines over the strength at every position; brighter where the orientation is stronger."""
    histogram = ring.histogram.values
    rows, columns = histogram.shape[:2]
    step, down = step_of(ring.histogram.axes[1]), step_of(ring.histogram.axes[0])
    aspect = down[0] / step[0] if step and down else 1.0
    height = PANEL * min(max(rows * aspect / columns, 0.4), 2)
    figure = plt.figure(layout="constrained", figsize=(PANEL + 1.9, height + 0.6))
    grid = figure.add_gridspec(1, 2, width_ratios=(1, 0.2))
    axes = figure.add_subplot(grid[0])
    recorded = np.isfinite(histogram[:, :, 0])
    axes.imshow(np.where(recorded[..., None], 0.0, float(MISSING)) * np.ones(3),
                interpolation="nearest")
    if ring.lines is not None:
        ends, angle, strength = segments(ring.lines)
        bright = 0.45 + 0.55 * np.clip(strength / (np.percentile(strength, 90) or 1), 0, 1)
        points = min(72 * PANEL / columns, 72 * height / rows)
        axes.add_collection(LineCollection(ends, colors=angle_colours(angle, bright),
                                           linewidths=np.clip(0.3 * points, 0.4, 2.5),
                                           capstyle="round"))
    axes.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5), aspect=aspect, title=ring.title)
    if step:
        axes.set_xticks([])
        axes.set_yticks([])
        scale_bar(axes, *step)
    else:
        axes.set(xlabel="column", ylabel="row")
        axes.locator_params(integer=True)
    wheel = figure.add_subplot(grid[1], projection="polar")
    wheel.set_anchor("N")
    colour_wheel(wheel)
    return figure


def histogram_figure(ring):
    """The direction of lines over all positions, and the strongest at each."""
    histogram, angle = ring.histogram.values, ring.histogram.axes[2][1]
    total = np.nansum(histogram, (0, 1))
    figure = plt.figure(figsize=(9, 3.8), layout="constrained")
    rose, image = figure.add_subplot(121, projection="polar"), figure.add_subplot(122)
    for half in (0, 180):
        rose.bar(np.radians(angle + half), total, width=np.radians(angle[1] - angle[0]),
                 color=angle_colours(angle), linewidth=0)
    rose.set_theta_direction(-1)
    rose.set_yticks([])
    rose.set_title("direction of lines, all positions (clockwise: x right, y down)")
    strongest = np.nanmax(np.where(np.isnan(histogram), -1, histogram), 2)
    best = angle[np.argmax(np.where(np.isnan(histogram), -1, histogram), 2)]
    bright = np.clip(strongest / (np.percentile(strongest[strongest > 0], 95)
                                  if (strongest > 0).any() else 1), 0, 1)
    colours = angle_colours(best, bright)
    colours[strongest < 0] = float(MISSING)
    image.imshow(colours, interpolation="nearest")
    image.set(title="strongest direction, brightness: strength", xlabel="column", ylabel="row")
    image.locator_params(integer=True)
    return figure
