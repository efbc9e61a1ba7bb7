"""What all figures share: sizes, fonts, colour maps, labels.

A figure is at most as wide as a printed page, so that it is set without scaling and its letters stay legible.
"""
import re

import matplotlib
import matplotlib.patheffects
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LogNorm, Normalize

PAGE, COLUMN = 7.2, 4.2  # widths in inches: two columns of a journal; one and a half
STYLE = {
    "font.size": 7.5, "axes.titlesize": 7.5, "axes.labelsize": 7.5, "figure.titlesize": 7.5,
    "xtick.labelsize": 6.5, "ytick.labelsize": 6.5, "legend.fontsize": 6.5, "legend.handlelength": 1.5,
    "axes.linewidth": 0.5, "xtick.major.width": 0.5, "ytick.major.width": 0.5, "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4, "xtick.major.size": 2.5, "ytick.major.size": 2.5, "xtick.minor.size": 1.5,
    "ytick.minor.size": 1.5, "lines.linewidth": 1, "axes.titlepad": 3, "axes.labelpad": 2,
    "figure.dpi": 150, "savefig.dpi": 300, "svg.fonttype": "none", "pdf.fonttype": 42,
}
MISSING = "0.75"  # grey of positions without a value


def colour_map(name):
    cmap = matplotlib.colormaps[name].copy()
    cmap.set_bad(MISSING)
    return cmap


SEQUENTIAL, DIVERGING, ERROR = (colour_map(name) for name in ("viridis", "RdBu_r", "cividis"))


def with_axes_of(axes, step):
    """What is below and beside a map: a scale bar where the step of the scan is known, else row and column."""
    axes.locator_params(integer=True, nbins=4)
    if step:
        axes.set_xticks([])
        axes.set_yticks([])
        scale_bar(axes, *step)
    else:
        place = axes.get_subplotspec()
        axes.set_xlabel("column" if place.is_last_row() else "")
        axes.set_ylabel("row" if place.is_first_col() else "")


def map_grid(count, shape, across=4, legend=0.0):
    """(figure, axes of `count` maps of (rows, columns) with colour bars, a strip below them `legend` inches high)."""
    across = min(count, across)
    lines = -(-count // across)
    width = min(PAGE / across, 2.6)
    height = lines * ((width - 0.55) * min(max(shape[0] / shape[1], 0.3), 1.8) + 0.38)
    figure = plt.figure(layout="constrained", figsize=(across * width, height + legend))
    place, strip = figure.subfigures(2, 1, height_ratios=(height, legend)) if legend else (figure, None)
    grid = place.subplots(lines, across, squeeze=False)
    for axes in grid.flat[count:]:
        axes.set_axis_off()
    return figure, list(grid.flat[:count]), strip


def limits(*arrays):
    """Range of all finite values but the outermost 1 %, so that an outlier leaves the rest visible."""
    finite = np.concatenate([a[np.isfinite(a)].ravel() for a in arrays])
    if finite.size == 0:
        return 0.0, 1.0
    low, high = np.percentile(finite, [1, 99])
    return (low, high) if high > low else (low - 0.5 * (abs(low) or 1), high + 0.5 * (abs(high) or 1))


def colours(*arrays):
    """(colour map, norm) common to the arrays: diverging about 0 where values have both signs."""
    low, high = limits(*arrays)
    if low < 0 < high:
        bound = max(-low, high)
        return DIVERGING, Normalize(-bound, bound)
    return SEQUENTIAL, Normalize(low, high)


def greatest(values):
    """The greatest finite value; 0 if there is none."""
    finite = np.asarray(values)[np.isfinite(values)]
    return float(finite.max()) if finite.size else 0.0


def compressed(values):
    """(colour map, norm) that shows six decades below the greatest value; dark where nothing is."""
    cmap = matplotlib.colormaps["inferno"].copy()
    cmap.set_bad(cmap(0.0))
    high = greatest(values) or 1.0
    positive = values[values > 1e-6 * high]
    low = float(np.percentile(positive, 1)) if positive.size else 0.1 * high
    return cmap, LogNorm(low if low < high else 0.1 * high, high)


def with_unit(label, unit):
    return f"{label} ({unit})" if unit else label


def formula(name):
    """A chemical formula with its numbers below the line; any other name as it is."""
    if re.fullmatch(r"([A-Z][a-z]?[\d.]*)+", name) and re.search(r"\d", name):
        return re.sub(r"(\d[\d.]*)", r"$_{\1}$", name)
    return name


def bars(text):
    """Signs of indices or of a point group as bars: [-110], -3m."""
    return re.sub(r"-(\d)", r"$\\bar{\1}$", text)


def hkl_label(hkl):
    """Miller indices with bars over negative ones."""
    digits = [str(abs(int(i))) if i >= 0 else rf"\bar{{{abs(int(i))}}}" for i in hkl]
    gap = r"\," if max(abs(int(i)) for i in hkl) > 9 else ""
    return f"${gap.join(digits)}$"


def scale_bar(axes, step, unit):
    """A bar of a round length, about a quarter of the image width, in the lower left corner; 1000 Å are 100 nm."""
    if unit == "Å" and 0.3 * abs(np.diff(axes.get_xlim()).item()) * step >= 10:
        step, unit = step / 10, "nm"
    columns = axes.get_xlim()[1] - axes.get_xlim()[0]
    wanted = 0.3 * columns * step
    decade = 10.0 ** np.floor(np.log10(wanted))
    length = max(m * decade for m in (1, 2, 5) if m * decade <= wanted)
    x0, y0 = axes.transLimits.inverted().transform((0.06, 0.08))
    outline = [matplotlib.patheffects.withStroke(linewidth=3, foreground="black")]
    axes.plot([x0, x0 + length / step], [y0, y0], color="white", linewidth=2,
              solid_capstyle="butt", path_effects=outline)
    axes.annotate(f"{length:g} {unit}", (x0, y0), xytext=(0, 2), textcoords="offset points",
              color="white", va="bottom", ha="left", fontsize="small",
              path_effects=[matplotlib.patheffects.withStroke(linewidth=2, foreground="black")])
