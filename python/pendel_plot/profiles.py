"""Profile likelihoods of a fit: χ² against the value of one parameter."""
import numpy as np

from .style import PAGE, plt, with_unit

NEAR = 12  # χ² above the least that the close view shows


def profile_figure(profile, shape):
    """A position per row: the whole range on the left, what is near the least on the right."""
    count = len(profile.positions)
    figure, grid = plt.subplots(count, 2, squeeze=False, layout="constrained",
                                figsize=(PAGE, 1.5 * count + 0.6))
    label = with_unit(profile.name, profile.value.unit)
    for line, position, value, chi2 in zip(grid, profile.positions, profile.value.values,
                                           profile.chi2):
        excess = chi2 - np.nanmin(chi2)
        line[0].plot(value, excess, "o-", color="black", markersize=2.5, linewidth=0.8)
        line[0].set_yscale("symlog", linthresh=1)
        near = excess <= NEAR
        line[1].plot(value[near], excess[near], "o-", color="black", markersize=3, linewidth=0.8)
        line[1].axhline(1, color="C3", linewidth=0.8)
        line[1].set_ylim(-0.3, NEAR)
        at = ", ".join(str(i) for i in np.unravel_index(position, shape))
        line[0].set_title(f"position {at}", loc="left")
        line[0].set_ylabel(r"$\chi^2 - \chi^2_{\min}$")
        for axes in line:
            axes.grid(linewidth=0.3)
            axes.locator_params(axis="x", nbins=5)
    for axes in grid[-1]:
        axes.set_xlabel(label)
    figure.suptitle("All other unknowns are fitted at every value; red: 1 above the least", fontsize="medium")
    return figure
