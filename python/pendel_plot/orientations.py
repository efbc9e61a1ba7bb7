"""Orientation maps: inverse pole figure colours with their keys, phases, quality, misorientations."""
import numpy as np
from matplotlib.colors import ListedColormap, Normalize, to_rgb
from matplotlib.patches import Patch

from .classify import class_colours
from .maps import draw
from .result import step_of
from .style import (ERROR, MISSING, PAGE, SEQUENTIAL, bars, formula, limits, map_grid, plt, with_axes_of)

# the graver the later: drawn over the others
FLAGS = {32: ("chosen by neighbours", "#d9e6f2"), 1: ("fits turned by 180°", "#8fc1e8"),
         2: ("fits in another orientation", "#e8b54d"), 4: ("fits as another phase", "#c4452f"),
         8: ("too few peaks", "0.45"), 16: ("unexplained", "0.7")}


def image_map(axes, image, found, **colours):
    """A map without a colour bar, with the grains' boundaries."""
    axes.imshow(image, interpolation="nearest", **colours)
    draw_boundaries(axes, found)
    axes.set_xlim(-0.5, found.shape[1] - 0.5)
    axes.set_ylim(found.shape[0] - 0.5, -0.5)
    with_axes_of(axes, step_of(found.phase_id.axes[1]))


def draw_boundaries(axes, found):
    """Lines where neighbours are turned by more than the grains' threshold or of other phases; those
    of a twin relation white."""
    phase = found.phase_id.values
    for name, horizontal in (("right", False), ("down", True)):
        angle = found.misorientation[name].values
        other = np.zeros_like(phase, bool)
        if horizontal:
            other[:-1] = phase[:-1] != phase[1:]
        else:
            other[:, :-1] = phase[:, :-1] != phase[:, 1:]
        twin = found.misorientation.get("twin_" + name)
        twinned = np.zeros_like(other) if twin is None else twin.values >= 0
        for mask, colour in ((other | ((angle > found.threshold) & ~twinned), "black"),
                             (twinned, "white")):
            row, column = np.nonzero(mask)
            half, gap = np.full(len(row), 0.5), np.full(len(row), np.nan)
            x, y = ((column - half, column + half), (row + half, row + half)) if horizontal else (
                (column + half, column + half), (row - half, row + half))
            axes.plot(np.stack([*x, gap], 1).ravel(), np.stack([*y, gap], 1).ravel(), color=colour,
                      linewidth=0.6, solid_capstyle="butt")


def draw_key(axes, key, title):
    """The colours of crystal directions, in stereographic projection, with the corners' indices."""
    axes.imshow(np.clip(key.image, 0, 1), interpolation="bilinear")
    if len(key.outline):
        axes.plot(*key.outline.T, color="black", linewidth=0.8)
    rows, columns = key.image.shape[:2]
    middle = key.outline.mean(axis=0) if len(key.outline) else np.array([columns, rows]) / 2
    for label, place in zip(key.labels, key.corners):
        away = (place - middle) / (np.linalg.norm(place - middle) or 1)
        side = "center" if abs(away[0]) < 0.3 else "left" if away[0] > 0 else "right"
        axes.annotate(bars(label), place, xytext=(3 * away[0], -8 * away[1] if abs(away[1]) > 0.2 else 0),
                      textcoords="offset points", ha=side, va="center")
    axes.set_title(title)
    axes.set(xlim=(-0.3 * columns, 1.3 * columns), ylim=(1.15 * rows, -0.2 * rows))
    axes.set_axis_off()


def ipf_figure(found):
    """The crystal directions along x, y and z of the map, and what the colours mean."""
    present = [p for p in range(len(found.phases)) if (found.phase_id.values == p).any()]
    width = PAGE / 3
    height = (width - 0.35) * min(max(found.shape[0] / found.shape[1], 0.3), 1.8) + 0.4
    figure = plt.figure(layout="constrained", figsize=(PAGE, height + (1.5 if present else 0)))
    parts = figure.subfigures(2 if present else 1, 1, squeeze=False,
                              height_ratios=(height, 1.5) if present else (1,))[:, 0]
    for axes, (name, label) in zip(parts[0].subplots(1, 3), {
            "x": "along map x (right)", "y": "along map y (up)",
            "z": "along map z (to the source)"}.items()):
        colours = found.ipf[name].values
        shown = np.full(colours.shape, float(MISSING))
        known = np.isfinite(colours).all(axis=2)
        shown[known] = colours[known]
        image_map(axes, np.clip(shown, 0, 1), found)
        axes.set_title(label)
    if present:
        places = parts[1].subplots(1, max(len(present), 3), squeeze=False)[0]
        for axes in places:
            axes.set_axis_off()
        for axes, p in zip(places, present):
            draw_key(axes, found.keys[p], f"{formula(found.phases[p])} ({bars(found.keys[p].group)})")
    return figure


def phases_figure(found):
    """Which phase each position is, and how sure that is."""
    step = step_of(found.phase_id.axes[1])
    count = len(found.phases)
    figure, (phase, sure, score), strip = map_grid(3, found.shape, 3, legend=0.25)
    classes = np.where(found.phase_id.values < 0, np.nan, found.phase_id.values.astype(float))
    colours = ListedColormap(class_colours(count))
    colours.set_bad(MISSING)
    image_map(phase, classes, found, cmap=colours, norm=Normalize(-0.5, count - 0.5))
    handles = [Patch(color=class_colours(count)[p],
                     label=f"{formula(name)}: {100 * np.mean(found.phase_id.values == p):.1f} %")
               for p, name in enumerate(found.phases)]
    missing = np.mean(found.phase_id.values < 0)
    if missing:
        handles.append(Patch(color=MISSING, label=f"not indexed: {100 * missing:.1f} %"))
    strip.legend(handles=handles, frameon=False, loc="center", ncol=len(handles))
    phase.set_title("phase")
    draw(sure, found.quality["phase_reliability"].values, SEQUENTIAL,
         Normalize(0, limits(found.quality["phase_reliability"].values)[1]), "1 − next/best", step)
    sure.set_title("reliability of the phase")
    probability = found.phase_probability.values
    best = np.full(found.shape, np.nan)
    known = (found.phase_id.values >= 0) & np.isfinite(probability).all(axis=2)
    best[known] = probability[known, found.phase_id.values[known]]
    draw(score, best, SEQUENTIAL, Normalize(0, 1), "", step)
    score.set_title("probability of the phase")
    return figure


QUALITY = {"score": ("score", ""), "reliability": ("reliability of the orientation", "1 − next/best"),
           "residual": ("distance of peaks from spots", "distance (1/Å)"),
           "orientation_error": ("error of the orientation", "angle (°)"),
           "n_peaks_used": ("peaks on spots", ""), "thickness": ("thickness", "thickness (Å)"),
           "thickness_error": ("error of the thickness", "thickness (Å)")}


def quality_figure(found):
    """How well every position is explained, and what is to be doubted."""
    step = step_of(found.phase_id.axes[1])
    shown = [(name, *QUALITY[name]) for name in QUALITY
             if name in found.quality and np.isfinite(found.quality[name].values).any()]
    flags = found.flags.values
    names = [(bit, *FLAGS[bit]) for bit in FLAGS if (flags & bit).any()]
    figure, places, strip = map_grid(len(shown) + 1, found.shape, 3, legend=0.4)
    for axes, (name, title, unit) in zip(places, shown):
        values = found.quality[name].values.astype(float)
        values = np.where(found.phase_id.values < 0, np.nan, values)
        worse_high = name in ("residual", "orientation_error", "thickness_error")
        draw(axes, values, ERROR if worse_high else SEQUENTIAL, Normalize(*limits(values)), unit, step)
        axes.set_title(title)
    axes = places[len(shown)]
    image = np.ones(found.shape + (3,))
    for bit, _, colour in names:
        image[(flags & bit) > 0] = to_rgb(colour)
    image_map(axes, image, found)
    axes.set_title("to be doubted")
    handles = [Patch(color=colour, label=f"{text}: {100 * np.mean((flags & bit) > 0):.1f} %")
               for bit, text, colour in names]
    if handles:
        strip.legend(handles=handles, frameon=False, loc="center", ncol=3)
    return figure


def misorientation_figure(found):
    """Grains, deviations within them, and the angles between all neighbours."""
    if max(found.shape) == 1:
        return None
    step = step_of(found.phase_id.axes[1])
    figure, (grains, within, kernel, line), _ = map_grid(4, found.shape, 2)
    ids = np.where(found.grain_id.values < 0, np.nan, found.grain_id.values.astype(float))
    colours = ListedColormap([plt.colormaps["tab20"](k % 20) for k in range(20)])
    colours.set_bad(MISSING)
    image_map(grains, ids % 20, found, cmap=colours, norm=Normalize(-0.5, 19.5))
    grains.set_title(f"{int(np.nanmax(ids, initial=-1)) + 1} grains")
    for axes, array, title in ((within, found.from_grain_mean, "from the grain's mean"),
                               (kernel, found.kernel_average, "kernel average misorientation")):
        draw(axes, array.values, ERROR, Normalize(0, limits(array.values)[1]), "angle (°)", step)
        axes.set_title(title)
    angles = np.concatenate([found.misorientation[name].values.ravel() for name in ("right", "down")])
    angles = angles[np.isfinite(angles)]
    bins = np.arange(0, max(np.ceil(angles.max(initial=0)), 10) + 1)
    line.hist(angles, bins=bins, color="0.6", label="all")
    for t, name in enumerate(found.twins):
        which = [found.misorientation["twin_" + to].values.ravel() == t for to in ("right", "down")]
        chosen = np.concatenate([found.misorientation[to].values.ravel()[mask]
                                 for to, mask in zip(("right", "down"), which)])
        line.hist(chosen, bins=bins, color=f"C{t}", label=f"{name}: {len(chosen)}")
    line.axvline(found.threshold, color="black", linewidth=0.8, linestyle=":")
    if len(angles):
        line.set_yscale("log")
    line.set(xlabel="misorientation of neighbours (°)", ylabel="pairs")
    if found.twins:
        line.legend(frameon=False)
    line.set_title("dotted: grain boundary")
    return figure
