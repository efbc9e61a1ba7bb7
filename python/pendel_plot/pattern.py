"""Spot pattern and intensity against thickness of a `pattern` result."""
import numpy as np

from .style import hkl_label, plt

LABELLED = 24  # spots that carry their indices, and those equally strong
CURVES = 8


def spots_figure(result):
    """Spots of the greatest thickness: area ∝ intensity, lab x right, lab y down."""
    intensity = result.intensity[-1]
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
    thickness = result.thickness[-1]
    at = f" at {thickness:.4g} Å" if np.isfinite(thickness) else ""
    cut = "; a stronger direct beam is drawn at 1.5 times that" if area.max() == 390 else ""
    axes.set_title(f"Spots{at}: area ∝ intensity, strongest diffracted spot {strongest:.3g}{cut}",
                   fontsize=8)
    return figure


def thickness_figure(result):
    """Intensity of the strongest beams against thickness; None for a single thickness."""
    if len(result.thickness) < 2:
        return None
    figure, axes = plt.subplots(layout="constrained", figsize=(6.4, 4))
    curves = []  # [beam, number of beams with the same curve]
    strength = np.round(result.intensity.max(axis=0), 6)
    for i in np.lexsort([(result.hkl < 0).sum(axis=1), -strength]):
        curve = result.intensity[:, i]
        same = [c for c in curves
                if np.allclose(result.intensity[:, c[0]], curve, rtol=0, atol=1e-3 * curve.max())]
        if same:
            same[0][1] += 1
        elif len(curves) == CURVES:
            break
        else:
            curves.append([i, 1])
    for number, (i, count) in enumerate(curves):
        equal = f" and {count - 1} equal" if count > 1 else ""
        axes.plot(result.thickness, result.intensity[:, i], color=plt.cm.tab10(number),
                  linewidth=1.3, label=hkl_label(result.hkl[i]) + equal)
    axes.set_xlabel("thickness (Å)")
    axes.set_ylabel("intensity (incident beam = 1)")
    axes.set_xlim(result.thickness[0], result.thickness[-1])
    axes.set_ylim(bottom=0)
    axes.grid(linewidth=0.3)
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure
