"""Spot pattern, intensity against thickness and against tilt of a `pattern` result."""
import numpy as np

from .style import SEQUENTIAL, hkl_label, plt

LABELLED = 24  # spots that carry their indices, and those equally strong
CURVES = 8


def strongest_first(result, intensity):
    """Beams by their greatest intensity (..., beam); among equals, positive indices first."""
    strength = np.round(intensity.reshape(-1, intensity.shape[-1]).max(axis=0), 6)
    return np.lexsort([(result.hkl < 0).sum(axis=1), -strength])


def spots_figure(result):
    """Spots of the first tilt at the greatest thickness: area ∝ intensity, lab y down."""
    intensity = result.intensity[0, -1]
    g = result.g[:, :2]
    figure, axes = plt.subplots(layout="constrained", figsize=(6.4, 6.4))
    extent = 1.12 * np.abs(g).max()
    # The brightest diffracted spot sets the scale; the direct beam would hide all others.
    strongest = np.max(intensity[np.linalg.norm(g, axis=1) > 1e-9], initial=1e-30)
    area = 260 * np.clip(intensity / strongest, 0, 1.5)
    axes.scatter(*g.T, s=area, color="black", linewidths=0)
    axes.scatter(*g.T, s=2, color="0.6", linewidths=0, zorder=0)
    order = np.argsort(-intensity, kind="stable")
    weakest = max(0.99 * intensity[order[min(LABELLED, len(order)) - 1]], 1e-4 * strongest)
    labelled = []
    for i in order[intensity[order] >= weakest]:
        if all(np.hypot(*(g[i] - g[j])) > 0.09 * extent for j in labelled):
            labelled.append(i)
            axes.annotate(hkl_label(result.hkl[i]), g[i], xytext=(0, -3 - 0.5 * area[i] ** 0.5),
                          textcoords="offset points", ha="center", va="top", fontsize=7,
                          color="C3")
    axes.set_xlim(-extent, extent)
    axes.set_ylim(extent, -extent)
    axes.set_aspect("equal")
    axes.set_xlabel("$g_x$ (1/Å)")
    axes.set_ylabel("$g_y$ (1/Å), down")
    at = (f" at {result.thickness[-1]:.4g} Å, beam tilt "
          f"({result.tilt[0, 0]:.3g}, {result.tilt[0, 1]:.3g}) mrad")
    cut = "; a stronger direct beam is drawn at 1.5 times that" if area.max() == 390 else ""
    axes.set_title(f"Spots{at}\narea ∝ intensity, strongest diffracted spot {strongest:.3g}{cut}",
                   fontsize=8)
    return figure


def thickness_figure(result):
    """Intensity of the strongest beams against thickness at the first tilt; None for one thickness."""
    if len(result.thickness) < 2:
        return None
    intensity = result.intensity[0]
    figure, axes = plt.subplots(layout="constrained", figsize=(6.4, 4))
    curves = []  # [beam, number of beams with the same curve]
    for i in strongest_first(result, intensity):
        curve = intensity[:, i]
        same = [c for c in curves
                if np.allclose(intensity[:, c[0]], curve, rtol=0, atol=1e-3 * curve.max())]
        if same:
            same[0][1] += 1
        elif len(curves) == CURVES:
            break
        else:
            curves.append([i, 1])
    for number, (i, count) in enumerate(curves):
        equal = f" and {count - 1} equal" if count > 1 else ""
        axes.plot(result.thickness, intensity[:, i], color=plt.cm.tab10(number),
                  linewidth=1.3, label=hkl_label(result.hkl[i]) + equal)
    axes.set_xlabel("thickness of the layer (Å)")
    axes.set_ylabel("intensity (incident beam = 1)")
    axes.set_xlim(result.thickness[0], result.thickness[-1])
    axes.set_ylim(bottom=0)
    axes.grid(linewidth=0.3)
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def tilt_figure(result):
    """Intensity of the strongest beams over the tilts, at the greatest thickness; None for one tilt.

    A square of tilts gives images (x right, y down), a list of tilts curves.
    """
    count = len(result.tilt)
    if count < 2:
        return None
    intensity = result.intensity[:, -1]
    beams = strongest_first(result, intensity)[:CURVES]
    side = int(round(count**0.5))
    x, y = result.tilt.T
    square = side > 1 and side**2 == count and np.allclose(x.reshape(side, side), x[:side]) \
        and np.allclose(y.reshape(side, side).T, y[::side])
    if not square:
        figure, axes = plt.subplots(layout="constrained", figsize=(6.4, 4))
        for number, i in enumerate(beams):
            axes.plot(np.arange(count), intensity[:, i], ".-", color=plt.cm.tab10(number),
                      linewidth=1, label=hkl_label(result.hkl[i]))
        axes.set_xlabel("number of the tilt in the series, from 0")
        axes.set_ylabel("intensity (incident beam = 1)")
        axes.grid(linewidth=0.3)
        axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
        return figure
    rows = int(np.ceil(len(beams) / 4))
    figure, grid = plt.subplots(rows, 4, squeeze=False, layout="constrained", sharex=True,
                                sharey=True, figsize=(11, 2.75 * rows + 0.3))
    half = 0.5 * (x[1] - x[0])
    extent = (x.min() - half, x.max() + half, y.max() + half, y.min() - half)
    for axes in grid.flat[len(beams):]:
        axes.set_axis_off()
    for axes, i in zip(grid.flat, beams):
        image = axes.imshow(intensity[:, i].reshape(side, side), extent=extent, cmap=SEQUENTIAL)
        figure.colorbar(image, cax=axes.inset_axes([1.03, 0, 0.05, 1])).ax.tick_params(labelsize=7)
        axes.set_title(hkl_label(result.hkl[i]))
    figure.supxlabel("beam tilt x (mrad)", fontsize=9)
    figure.supylabel("beam tilt y (mrad), down", fontsize=9)
    return figure
