"""Measured and fitted disk intensities of one scan position."""
import numpy as np

from .style import PAGE, greatest, hkl_label, plt, with_unit


def typical_position(result):
    """Index of the position of the median χ²: neither the best nor the worst fit."""
    chi2 = result.quality["chi2"].values.ravel()
    finite = np.flatnonzero(np.isfinite(chi2))
    order = finite[np.argsort(chi2[finite], kind="stable")]
    middle = order[order.size // 2] if order.size else 0
    return tuple(int(i) for i in np.unravel_index(middle, result.shape))


def per_disk(result, position):
    """measured, fitted, variance (None: counts) and hkl of the disks; their pixels added up."""
    measured, fitted = result.measured.values[position], result.fitted.values[position]
    variance = None if result.sigma is None else result.sigma.values[position] ** 2
    if result.pixel is None:
        return measured, fitted, variance, result.hkl
    new = np.any(np.diff(result.hkl, axis=0) != 0, axis=1) | (result.pixel[1:, 0] < 0)
    first = np.concatenate([[0], np.flatnonzero(new) + 1])
    total = lambda values: None if values is None else np.add.reduceat(values, first)
    return total(measured), total(fitted), total(variance), result.hkl[first]


def disks_figure(result, position):
    """Above: intensities, logarithmic (linear near 0); below: residuals in σ."""
    measured, fitted, variance, hkl = per_disk(result, position)
    if variance is None:
        sigma, named = np.sqrt(fitted), "σ = √fitted (counts)"
    else:
        sigma, named = np.sqrt(variance), "σ of the noise model"
    index = np.arange(measured.size)
    width = min(max(0.14 * measured.size + 1, 4), PAGE)
    figure, (above, below) = plt.subplots(
        2, 1, sharex=True, layout="constrained", figsize=(width, 3.6),
        gridspec_kw={"height_ratios": [3, 1.3]})
    size = 1 if measured.size <= 100 else 0.4  # of the marks
    above.errorbar(index, measured, yerr=sigma, fmt="o", markersize=3 * size, linewidth=0.8 * size,
                   color="black", markerfacecolor="white", markeredgewidth=size, label="measured")
    above.plot(index, fitted, "_", markersize=6 * size, markeredgewidth=1.5 * size, color="C3", label="fitted")
    if greatest(-np.concatenate([measured, fitted])) < 0:
        above.set_yscale("log")
    else:  # linear where noise may make a measured intensity 0 or less
        above.set_yscale("symlog", linthresh=10 ** np.ceil(np.log10(np.nanmedian(sigma) or 1)))
    above.set_ylabel(with_unit("disk intensity", result.measured.unit))
    above.grid(axis="y", linewidth=0.3)
    above.legend(frameon=False, ncol=2, loc="upper right")
    chi2 = result.quality["chi2"].values[position]
    place = "position" if len(position) == 1 else "row, column"
    above.set_title(f"{place} {', '.join(map(str, position))}: χ² / degrees of freedom = {chi2:.3g}",
                    loc="left")
    residual = (measured - fitted) / sigma
    below.axhspan(-1, 1, color="0.9")
    below.bar(index, residual, width=0.6, color="C3")
    below.axhline(0, color="black", linewidth=0.6)
    bound = max(2.5, 1.1 * greatest(np.abs(residual)))
    below.set_ylim(-bound, bound)
    below.set_ylabel("residual (σ)")
    below.set_title(named, loc="right", fontsize="small", pad=2)
    step = max(1, int(np.ceil(measured.size / 48)))
    below.set_xticks(index[::step], [hkl_label(h) for h in hkl[::step]], rotation=90)
    below.set_xlim(-0.8, measured.size - 0.2)
    below.set_xlabel("reflection")
    return figure
