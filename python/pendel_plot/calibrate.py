"""A calibration: origins over the scan, rings in the pattern with the ellipse, the radial mean."""
import numpy as np
from matplotlib.colors import Normalize

from .maps import draw
from .style import COLUMN, DIVERGING, PAGE, SEQUENTIAL, compressed, hkl_label, limits, map_grid, plt


def origin_figure(found):
    """Origins as measured, as calibrated, and what is between them; None for one position."""
    arrays = found.origin
    rows, columns = arrays["column"].values.shape
    if max(rows, columns) == 1:
        return None
    figure, places, _ = map_grid(6, (rows, columns), 3)
    for line, axis in zip((places[:3], places[3:]), ("column", "row")):
        measured, fitted = arrays[f"measured_{axis}"].values, arrays[axis].values
        norm = Normalize(*limits(fitted))
        # rings move all origins by the same: that is no residual of a position
        rest = measured - fitted
        rest = rest - np.nanmedian(rest)
        bound = np.abs(limits(rest)).max() or 1.0
        for axes, values, cmap, scale, title in (
                (line[0], measured, SEQUENTIAL, norm, f"{axis} as found"),
                (line[1], fitted, SEQUENTIAL, norm, f"{axis} as calibrated"),
                (line[2], rest, DIVERGING, Normalize(-bound, bound), "difference less its median")):
            draw(axes, values, cmap, scale, "pixels", None)
            axes.set_title(title)
    return figure


def ellipse_points(ellipse, radius):
    """(column, row) of a ring: stretched by √ratio along its axis, by 1/√ratio across."""
    turn = np.linspace(0, 2 * np.pi, 361)
    root, angle = np.sqrt(ellipse["ratio"]), np.radians(ellipse["angle_deg"])
    along, across = radius * root * np.cos(turn), radius / root * np.sin(turn)
    return (ellipse["column"] + along * np.cos(angle) - across * np.sin(angle),
            ellipse["row"] + along * np.sin(angle) + across * np.cos(angle))


def rings_figure(found):
    """The mean pattern, one half with the fitted rings over it; None without rings."""
    if not found.rings:
        return None
    pattern = found.rings["pattern"].values
    figure, axes = plt.subplots(layout="constrained", figsize=(COLUMN, COLUMN * pattern.shape[0] / pattern.shape[1]))
    cmap, norm = compressed(pattern)
    axes.imshow(pattern, cmap=cmap, norm=norm, interpolation="nearest")
    height, error = (found.rings[name].values for name in ("height", "height_error"))
    for radius, seen in zip(found.rings["radius"].values, height > 3 * error):
        if seen:
            x, y = ellipse_points(found.ellipse, radius)
            axes.plot(x[:181], y[:181], color="C1", linewidth=0.8)
    axes.plot(found.ellipse["column"], found.ellipse["row"], "+", color="C1")
    axes.set(xlim=(-0.5, pattern.shape[1] - 0.5), ylim=(pattern.shape[0] - 0.5, -0.5),
             xlabel="column (pixels)", ylabel="row (pixels)",
             title=f"axis ratio {found.ellipse['ratio']:.4f}, long axis at "
                   f"{found.ellipse['angle_deg']:.1f}°")
    return figure


def profile_figure(found):
    """The radial mean with the fit and its lines; below, how far each ring is from its place."""
    if not found.rings:
        return None
    rings = {name: array.values for name, array in found.rings.items()}
    radius = found.rings["mean"].axes[0][1]
    figure, (above, below) = plt.subplots(2, 1, sharex=True, layout="constrained", figsize=(PAGE, 4),
                                          gridspec_kw={"height_ratios": [3, 1]})
    above.plot(radius, rings["mean"], ".", color="black", markersize=3, label="radial mean")
    above.plot(radius, rings["model"], color="C1", linewidth=1, label="fit")
    above.plot(radius, rings["background"], color="0.5", linewidth=1, label="background")
    above.set(yscale="log", ylabel="intensity")
    above.legend(frameon=False)
    seen = (rings["height"] > 3 * rings["height_error"]) & (rings["radius"] < radius[-1])
    for r, hkl, g in zip(rings["radius"][seen], rings["hkl"][seen], rings["g"][seen]):
        above.axvline(r, color="C0", linewidth=0.5)
        name = hkl_label(hkl.astype(int)) if g > 0 else f"{r:.1f}"
        above.annotate(name, (r, 1), xycoords=("data", "axes fraction"), xytext=(0, 2),
                       textcoords="offset points", ha="center", va="bottom", rotation=90, fontsize="small")
    below.axhline(0, color="0.6", linewidth=0.8)
    if (rings["g"] > 0).any():
        below.errorbar(rings["radius"][seen], rings["deviation"][seen], rings["deviation_error"][seen],
                       fmt="o", color="C0", markersize=3)
    below.set(xlabel="radius (pixels of the round pattern)", ylabel="deviation (pixels)")
    return figure
