"""Powder rings: the profile and the reflections behind it."""
import numpy as np

from .style import PAGE, hkl_label, plt


def rings_figure(crystal, arrays):
    """Above the profile with the strong rings named; below a tick per ring, forbidden ones red."""
    _, grid_g, _ = arrays["profile"].axes[0]
    profile = arrays["profile"].values
    g, hkl = arrays["g"].values, arrays["hkl"].values
    forbidden = arrays["forbidden"].values != 0
    figure, (above, below) = plt.subplots(2, 1, sharex=True, layout="constrained", figsize=(PAGE, 3.8),
                                          gridspec_kw={"height_ratios": [6, 1]})
    above.plot(grid_g, profile, color="black", linewidth=1)
    high = profile.max() or 1.0
    above.set_ylim(0, 1.2 * high)
    above.set_xlim(grid_g[0], grid_g[-1])
    height = np.interp(g, grid_g, profile)
    named = []
    width = 0.022 * (grid_g[-1] - grid_g[0])  # of a label
    for i in np.argsort(-height, kind="stable"):
        if not forbidden[i] and height[i] > 0.004 * high \
                and all(abs(g[i] - g[j]) > width for j in named):
            named.append(i)
            above.annotate(hkl_label(hkl[i]), (g[i], height[i]), xytext=(0, 3),
                           textcoords="offset points", ha="center", va="bottom", rotation=90,
                           fontsize="small", color="C0")
    above.set_ylabel("intensity per 1/Å and per Å of thickness")
    above.set_title(f"{crystal}: powder rings, single scattering", loc="left")
    below.vlines(g[~forbidden], 0, 1, color="C0", linewidth=1, label="allowed")
    if forbidden.any():
        below.vlines(g[forbidden], 0, 0.6, color="C3", linewidth=1, linestyle="--",
                     label="forbidden")
        last = -np.inf
        for i in np.flatnonzero(forbidden):
            if g[i] - last > width:
                last = g[i]
                below.text(g[i], 0.65, hkl_label(hkl[i]), ha="center", va="bottom", fontsize="small",
                           rotation=90, color="C3")
    below.set_ylim(0, 1.6)
    below.set_yticks([])
    below.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    below.set_xlabel("g = 1/d (1/Å)")
    return figure
