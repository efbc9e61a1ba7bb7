"""What all figures share: fonts, colour maps, labels."""
import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.patheffects  # noqa: E402
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.colors import LogNorm, Normalize  # noqa: E402

plt.rcParams.update({
    "font.size": 9, "axes.titlesize": 9, "axes.labelsize": 9, "xtick.labelsize": 8,
    "ytick.labelsize": 8, "legend.fontsize": 8, "figure.dpi": 100, "savefig.dpi": 150,
    "axes.linewidth": 0.6, "svg.fonttype": "none", "pdf.fonttype": 42,
})
MISSING = "0.75"  # grey of positions without a value


def colour_map(name):
    cmap = matplotlib.colormaps[name].copy()
    cmap.set_bad(MISSING)
    return cmap


SEQUENTIAL, DIVERGING, ERROR = (colour_map(name) for name in ("viridis", "RdBu_r", "cividis"))


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


def hkl_label(hkl):
    """Miller indices with bars over negative ones."""
    digits = [str(abs(int(i))) if i >= 0 else rf"\bar{{{abs(int(i))}}}" for i in hkl]
    gap = r"\," if max(abs(int(i)) for i in hkl) > 9 else ""
    return f"${gap.join(digits)}$"


def scale_bar(axes, step, unit):
    """A bar of a round length, about a quarter of the image width, in the lower left corner."""
    columns = axes.get_xlim()[1] - axes.get_xlim()[0]
    wanted = 0.3 * columns * step
    decade = 10.0 ** np.floor(np.log10(wanted))
    length = max(m * decade for m in (1, 2, 5) if m * decade <= wanted)
    x0, y0 = axes.transLimits.inverted().transform((0.06, 0.08))
    outline = [matplotlib.patheffects.withStroke(linewidth=4, foreground="black")]
    axes.plot([x0, x0 + length / step], [y0, y0], color="white", linewidth=2.5,
              solid_capstyle="butt", path_effects=outline)
    axes.text(x0, axes.transLimits.inverted().transform((0, 0.12))[1], f"{length:g} {unit}",
              color="white", va="bottom", ha="left", fontsize=8,
              path_effects=[matplotlib.patheffects.withStroke(linewidth=2, foreground="black")])
