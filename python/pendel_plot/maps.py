"""Maps of a fit: every parameter beside its truth, difference and error; polarization arrows."""
import re
import textwrap

import numpy as np
from matplotlib.colors import Normalize

from .style import (COLUMN, DIVERGING, ERROR, PAGE, SEQUENTIAL, colours, limits, map_grid, plt, with_axes_of,
                    with_unit)


def draw(axes, values, cmap, norm, label, step, unconverged=None, changed=None):
    """One map with its colour bar; row 0 on top (lab y points down), column 0 at the left."""
    image = axes.imshow(values, cmap=cmap, norm=norm, interpolation="nearest")
    finite = values[np.isfinite(values)]
    below, above = (finite < norm.vmin).any(), (finite > norm.vmax).any()
    extend = {(0, 0): "neither", (1, 0): "min", (0, 1): "max", (1, 1): "both"}[below, above]
    bar = axes.figure.colorbar(image, cax=axes.inset_axes([1.03, 0, 0.05, 1]), extend=extend)
    bar.ax.tick_params(labelsize="small")
    bar.ax.locator_params(nbins=5 if values.shape[0] > 0.6 * values.shape[1] else 3)
    bar.set_label(label, labelpad=1)
    if unconverged is not None:
        rows, columns = np.nonzero(unconverged)
        axes.plot(columns, rows, "x", color="black", markersize=3.5, markeredgewidth=0.9)
    if changed is not None:
        rows, columns = np.nonzero(changed)
        axes.plot(columns, rows, "o", color="none", markeredgecolor="black", markersize=4,
                  markeredgewidth=0.8)
    with_axes_of(axes, step)


def of_positions(result):
    """The parameters that every position has its own value of."""
    return [p for p in result.parameters if p.value.values.shape == result.shape]


def heading(result):
    """How many positions converged, and the parameters with one value for the whole scan."""
    text = f"{(result.status == 0).sum()} of {result.status.size} positions converged"
    if (result.status == 1).any():
        text += " (×: not converged)"
    if (result.status == 2).any():
        text += f", {(result.status == 2).sum()} without data (grey)"
    if result.changed is not None:
        text += f"; priors changed the basin of {(result.changed == 1).sum()} (○)"
    for p in result.parameters:
        if p.value.values.shape != result.shape and p.value.values.size == 1:
            error = "" if p.error is None else f" ± {p.error.values.item():.2g}"
            text += f"; {p.name} = {p.value.values.item():.5g}{error} {p.value.unit}".rstrip()
    return textwrap.fill(text, 110)  # the width of a page


def parameter_rows(result):
    """Per parameter its panels, as (title, values, colour map, norm, label); the first has the name."""
    rows = []
    for p in of_positions(result):
        value, label = p.value.values, p.value.unit
        compared = [value] + [other.values for other in (p.truth, p.prior_free) if other is not None]
        row = [(f"{p.name}: fit", value, *colours(*compared), label)]
        if p.prior_free is not None:
            row.append(("without priors", p.prior_free.values, *colours(*compared), label))
        if p.truth is not None:
            row.append(("truth", p.truth.values, *colours(*compared), label))
            difference = value - p.truth.values
            bound = max(np.abs(limits(difference)))
            row.append(("fit − truth", difference, DIVERGING, Normalize(-bound, bound), label))
        if p.error is not None:
            row.append(("standard error", p.error.values, ERROR, Normalize(*limits(p.error.values)), label))
        rows.append(row)
    return rows


QUALITY = {"chi2": "χ² / degrees of freedom", "second_basin_ratio": "second best χ² / best χ²",
           "rank": "combinations determined"}


def maps_figure(result):
    """Parameters one per row, then the maps of scale, background and quality."""
    rows = parameter_rows(result)
    width = max([len(row) for row in rows] + [2])
    quality = [(QUALITY.get(name, name), array.values, SEQUENTIAL,
                Normalize(*limits(array.values)), array.unit)
               for name, array in result.quality.items() if np.isfinite(array.values).any()]
    rows += [quality[i:i + width] for i in range(0, len(quality), width)]
    figure, places, _ = map_grid(len(rows) * width, result.shape, width)
    for k, row in enumerate(rows):
        line = places[k * width:(k + 1) * width]
        for axes, (title, values, cmap, norm, label) in zip(line, row):
            fit = title.endswith(": fit")
            draw(axes, values, cmap, norm, label, result.step,
                 result.status == 1 if fit else None, result.changed if fit else None)
            axes.set_title(title)
        for axes in line[len(row):]:
            axes.set_axis_off()
    figure.suptitle(heading(result), fontsize="medium")
    return figure


def lines_figure(result):
    """The same for a scan that is a list of positions: values with standard errors, and truth."""
    panels = [(with_unit(p.name, p.value.unit), p.value.values, p.error, p.truth)
              for p in of_positions(result)]
    panels += [(with_unit(QUALITY.get(name, name), array.unit), array.values, None, None)
               for name, array in result.quality.items() if np.isfinite(array.values).any()]
    figure, grid = plt.subplots(len(panels), 1, squeeze=False, sharex=True, layout="constrained",
                                figsize=(PAGE, 0.95 * len(panels) + 0.5))
    for axes, (label, values, error, truth) in zip(grid[:, 0], panels):
        index = np.arange(values.size)
        axes.errorbar(index, values, yerr=None if error is None else error.values, fmt="o",
                      markersize=3, linewidth=0.8, color="black", label="fit, standard error")
        if truth is not None:
            axes.plot(index, truth.values, color="C3", linewidth=1, label="truth")
            axes.legend(frameon=False, ncol=2)
        axes.set_title(label, loc="left")
        axes.grid(linewidth=0.3)
    grid[-1, 0].set_xlabel("position")
    grid[-1, 0].locator_params(axis="x", integer=True)
    figure.suptitle(heading(result), fontsize="medium")
    return figure


def parameters_figure(result):
    """The same for a single position: a line for every parameter, with its value and standard error.

    Drawn is how far the truth is, in standard errors; without truth, the relative standard error.
    """
    shown = of_positions(result)
    known = [p for p in shown if p.truth is not None and p.error is not None]
    figure, axes = plt.subplots(layout="constrained", figsize=(PAGE, 0.2 * len(shown) + 0.8))
    for line, p in enumerate(shown):
        value, error = p.value.values.item(), np.nan if p.error is None else p.error.values.item()
        digits = max(0, 1 - int(np.floor(np.log10(error)))) if error > 0 else 4
        text = f"{value:.{digits}f}" + (f" ± {error:.{digits}f}" if error > 0 else "")
        axes.annotate(f"{text} {p.value.unit}".rstrip(), (1.02, line), xycoords=("axes fraction", "data"),
                      va="center", fontsize="small")
        if p in known:
            axes.errorbar((value - p.truth.values.item()) / error, line, xerr=1, fmt="o", markersize=3,
                          linewidth=0.8, color="black")
        elif not known:
            axes.plot(100 * error / abs(value), line, "o", markersize=3, color="black")
    if known:
        axes.axvline(0, color="C3")
        axes.set_xlabel("(fit − truth) / standard error")
    else:
        axes.set(xscale="log", xlabel="standard error (% of the value)")
    axes.set_yticks(range(len(shown)), [p.name for p in shown])
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.grid(axis="x", linewidth=0.3)
    chi2 = result.quality["chi2"].values.item() if "chi2" in result.quality else np.nan
    axes.set_title(f"χ² / degrees of freedom = {chi2:.3g}", loc="left")
    return figure


def polarization_pairs(result):
    """(name, x, y) where the displacement modes x and y of one crystal are both fitted."""
    by_name = {p.name: p for p in of_positions(result)}
    pairs = []
    for name, p in by_name.items():
        match = re.fullmatch(r"(polarization\..+)\.x", name)
        if match and match[1] + ".y" in by_name:
            pairs.append((match[1], p, by_name[match[1] + ".y"]))
    return pairs


def arrow_panel(axes, x, y, norm, longest, step, label=r"$|\rho|$", aspect=1.0):
    """ρ as arrows over the map of |ρ|. Arrows point in lab x (right) and lab y (down).

    aspect: height over width of a position.
    """
    draw(axes, np.hypot(x, y), SEQUENTIAL, norm, label, step)
    axes.set_aspect(aspect)
    rows, columns = x.shape
    stride = max(1, int(np.ceil(max(rows, columns) / 24)))
    row, column = np.mgrid[stride // 2:rows:stride, stride // 2:columns:stride]
    u, v = x[row, column], y[row, column] / aspect
    axes.quiver(column, row, u, v, angles="xy", scale_units="xy", pivot="mid",
                scale=longest / (0.95 * stride), width=0.14 * stride / columns, color="white",
                edgecolor="black", linewidth=0.3, headwidth=3.2, headlength=3.5, headaxislength=3.2)
    axes.set_xlim(-0.5, columns - 0.5)
    axes.set_ylim(rows - 0.5, -0.5)


def polarization_figure(name, x, y, step):
    """Fitted arrows, and the true ones beside them where the file has them."""
    panels = [("fit", x.value.values, y.value.values)]
    if x.truth is not None and y.truth is not None:
        panels.append(("truth", x.truth.values, y.truth.values))
    magnitudes = [np.hypot(u, v) for _, u, v in panels]
    low, high = limits(*magnitudes)
    norm = Normalize(min(low, 0), high)
    rows, columns = x.value.values.shape
    width = PAGE if len(panels) > 1 else COLUMN
    height = (width / len(panels) - 0.6) * min(max(rows / columns, 0.3), 2)
    figure, grid = plt.subplots(1, len(panels), squeeze=False, layout="constrained",
                                figsize=(width, height + 0.55))
    for axes, (title, u, v) in zip(grid[0], panels):
        arrow_panel(axes, u, v, norm, high, step)
        axes.set_title(f"{name}: {title}")
    figure.suptitle("Arrows: displacement amplitude ρ (right: lab x, down: lab y), not the dipole P",
                    fontsize="medium")
    return figure
