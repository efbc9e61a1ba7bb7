"""Orientation maps: lines coloured by their angle, and the histogram of angles."""
import numpy as np
from matplotlib.collections import LineCollection

from .result import step_and_aspect
from .style import MISSING, PAGE, plt, with_axes_of

PANEL = 3.2  # inches


def angle_colours(angle_deg, value=1.0):
    """A colour for each orientation, the same after 180 degrees: a circle of equal lightness and chroma in CIELAB
    (L* 74, C* 40), on which equal turns look equally far; red for 0. value: 0 is black."""
    hue = np.radians(2 * np.asarray(angle_deg, float) + 20)
    f_y = (74 + 16) / 116
    f = np.stack([f_y + 40 * np.cos(hue) / 500, np.full_like(hue, f_y), f_y - 40 * np.sin(hue) / 200], -1)
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * [0.9505, 1, 1.0890]  # D65
    linear = np.clip(xyz @ np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415],
                                     [0.0557, -0.2040, 1.0570]]).T, 0, 1)
    rgb = np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear)
    return np.clip(rgb, 0, 1) * np.asarray(value)[..., None]


def colour_wheel(axes):
    """What colour stands for what direction in the map, rows downwards."""
    angle = np.arange(0, 360, 2)
    axes.bar(np.radians(angle), 0.5, width=np.radians(2.2), bottom=0.5, color=angle_colours(angle),
             linewidth=0)
    axes.set_theta_direction(-1)  # y is down
    axes.set(xticks=[], yticks=[], ylim=(0, 1))
    for place, name in ((0, "x"), (np.pi / 2, "y")):
        axes.text(place, 0.3, name, ha="center", va="center", fontsize="small")
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
    step, aspect = step_and_aspect(*ring.histogram.axes[:2])
    height = PANEL * min(max(rows * aspect / columns, 0.4), 2)
    figure = plt.figure(layout="constrained", figsize=(PANEL + 1.2, height + 0.5))
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
    with_axes_of(axes, step)
    wheel = figure.add_subplot(grid[1], projection="polar")
    wheel.set_anchor("N")
    colour_wheel(wheel)
    return figure


def histogram_figure(ring):
    """The direction of lines over all positions, and the strongest at each."""
    histogram, angle = ring.histogram.values, ring.histogram.axes[2][1]
    total = np.nansum(histogram, (0, 1))
    figure = plt.figure(figsize=(PAGE, 3.2), layout="constrained")
    rose, image = figure.add_subplot(121, projection="polar"), figure.add_subplot(122)
    for half in (0, 180):
        rose.bar(np.radians(angle + half), total, width=np.radians(angle[1] - angle[0]),
                 color=angle_colours(angle), linewidth=0)
    rose.set_theta_direction(-1)
    rose.set_yticks([])
    rose.set_title("directions of lines, all positions")
    strongest = np.nanmax(np.where(np.isnan(histogram), -1, histogram), 2)
    best = angle[np.argmax(np.where(np.isnan(histogram), -1, histogram), 2)]
    bright = np.clip(strongest / (np.percentile(strongest[strongest > 0], 95)
                                  if (strongest > 0).any() else 1), 0, 1)
    colours = angle_colours(best, bright)
    colours[strongest < 0] = float(MISSING)
    image.imshow(colours, interpolation="nearest")
    step, aspect = step_and_aspect(*ring.histogram.axes[:2])
    image.set(title="strongest direction, brightness: strength", aspect=aspect)
    with_axes_of(image, step)
    return figure
