"""Spot pattern, intensity against thickness (Pendellösung) and against tilt of a `pattern` result."""
import numpy as np

from .style import COLUMN, PAGE, SEQUENTIAL, hkl_label, plt

LABELLED = 24  # spots that carry their indices, and those equally strong
CURVES = 8
WEAKEST = 0.02  # of the strongest diffracted beam: weaker ones have no curve
INTENSITY = "intensity (incident beam = 1)"


def strongest_first(result, intensity):
    """Beams by their greatest intensity (..., beam); among equals, positive indices first."""
    strength = np.round(intensity.reshape(-1, intensity.shape[-1]).max(axis=0), 6)
    return np.lexsort([(result.hkl < 0).sum(axis=1), -strength])


def middle(result):
    """The tilt in the middle of the series."""
    return int(np.argmin(np.linalg.norm(result.tilt - result.tilt.mean(axis=0), axis=1).round(9)))


def spots_figure(result):
    """Spots of the middle tilt at the greatest thickness: area ∝ intensity, lab y down."""
    shown = middle(result)
    intensity = result.intensity[shown, -1]
    g = result.g[:, :2]
    figure, axes = plt.subplots(layout="constrained", figsize=(COLUMN, COLUMN + 0.1))
    extent = 1.12 * np.abs(g).max()
    # The brightest diffracted spot sets the scale; the direct beam would hide all others.
    strongest = np.max(intensity[np.linalg.norm(g, axis=1) > 1e-9], initial=1e-30)
    area = 120 * np.clip(intensity / strongest, 0, 1.5)
    axes.scatter(*g.T, s=area, color="black", linewidths=0)
    axes.scatter(*g.T, s=1, color="0.6", linewidths=0, zorder=0)
    order = np.argsort(-intensity, kind="stable")
    weakest = max(0.99 * intensity[order[min(LABELLED, len(order)) - 1]], 1e-4 * strongest)
    labelled = []
    for i in order[intensity[order] >= weakest]:
        if all(np.hypot(*(g[i] - g[j])) > 0.09 * extent for j in labelled):
            labelled.append(i)
            axes.annotate(hkl_label(result.hkl[i]), g[i], xytext=(0, -3 - 0.5 * area[i] ** 0.5),
                          textcoords="offset points", ha="center", va="top", fontsize="small",
                          color="C3")
    axes.set_xlim(-extent, extent)
    axes.set_ylim(extent, -extent)
    axes.set_aspect("equal")
    axes.set_xlabel("$g_x$ (1/Å)")
    axes.set_ylabel("$g_y$ (1/Å), down")
    at = (f"{result.thickness[-1]:.4g} Å, beam tilt "
          f"({result.tilt[shown, 0]:.3g}, {result.tilt[shown, 1]:.3g}) mrad")
    cut = "; direct beam: cut" if area.max() == 180 else ""
    axes.set_title(f"{at}\narea ∝ intensity, strongest diffracted {strongest:.3g}{cut}")
    return figure


def curves_of(axes, result, where, intensity):
    """Curves of the direct beam and the strongest diffracted ones, intensity (point, beam); beams whose
    curves are equal share one."""
    diffracted = np.linalg.norm(result.g[:, :2], axis=1) > 1e-9
    least = WEAKEST * intensity[:, diffracted].max(initial=0)
    curves = []  # [beam, number of beams with the same curve]
    for i in strongest_first(result, intensity):
        curve = intensity[:, i]
        same = [c for c in curves
                if np.allclose(intensity[:, c[0]], curve, rtol=0, atol=1e-3 * curve.max())]
        if same:
            same[0][1] += 1
        elif len(curves) < CURVES and (curve.max() >= least or not diffracted[i]):
            curves.append([i, 1])
    few = len(where) < 60
    for number, (i, count) in enumerate(curves):
        equal = f" and {count - 1} equal" if count > 1 else ""
        axes.plot(where, intensity[:, i], ".-" if few else "-", color=plt.cm.tab10(number), markersize=3,
                  label=hkl_label(result.hkl[i]) + equal)
    axes.set_ylabel(INTENSITY)
    axes.set_xlim(min(where), max(where))
    axes.set_ylim(bottom=0)
    axes.grid(linewidth=0.3)
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))


def fringes_figure(result):
    """Thickness fringes: intensity of the strongest beams against thickness, at the tilt where a diffracted
    beam is strongest; None for two thicknesses or fewer."""
    if len(result.thickness) < 3:
        return None
    diffracted = np.linalg.norm(result.g[:, :2], axis=1) > 1e-9
    greatest = result.intensity[..., diffracted].max(axis=(1, 2)).round(9)
    at = int(np.argmax(greatest)) if greatest.max() > greatest.min() else middle(result)
    figure, axes = plt.subplots(layout="constrained", figsize=(COLUMN, 2.6))
    curves_of(axes, result, result.thickness, result.intensity[at])
    axes.set_title(f"beam tilt ({result.tilt[at, 0]:.3g}, {result.tilt[at, 1]:.3g}) mrad", loc="left")
    axes.set_xlabel("thickness of the layer (Å)")
    return figure


def tilt_line(result):
    """(coordinate along the line [mrad], label) of tilts on a line, else None."""
    offset = result.tilt - result.tilt[0]
    span = np.linalg.norm(offset[-1])
    if len(offset) < 2 or span == 0:
        return None
    along = offset[-1] / span
    if np.abs(offset @ [-along[1], along[0]]).max() > 1e-6 * span:
        return None
    for axis, name in enumerate("xy"):
        if abs(along[axis]) > 1 - 1e-9:
            return result.tilt[:, axis], f"beam tilt {name} (mrad)"
    return result.tilt @ along, f"beam tilt along ({along[0]:.3g}, {along[1]:.3g}) (mrad)"


def distinct(result, intensity):
    """The strongest beams, one of each set that is equally strong (by symmetry)."""
    beams, seen = [], set()
    for i in strongest_first(result, intensity):
        strength = f"{intensity[..., i].max():.4g}"
        if strength not in seen:
            beams.append(i)
            seen.add(strength)
    return beams[:CURVES]


def panel(figure, axes, values, extent, title, aspect="equal"):
    image = axes.imshow(values, extent=extent, cmap=SEQUENTIAL, aspect=aspect, vmin=0,
                        interpolation="nearest")
    figure.colorbar(image, cax=axes.inset_axes([1.03, 0, 0.05, 1])).ax.tick_params(labelsize="small")
    axes.set_title(title)


def square_side(result):
    """n of an n × n square of tilts with x fastest, else None."""
    count = len(result.tilt)
    side = int(round(count**0.5))
    x, y = result.tilt.T
    square = side > 1 and side**2 == count and np.allclose(x.reshape(side, side), x[:side]) \
        and np.allclose(y.reshape(side, side).T, y[::side])
    return side if square else None


def rocking_figure(result):
    """Rocking curves: intensity of the strongest beams against tilt at the greatest thickness; None for one
    tilt or a square of them."""
    if len(result.tilt) < 2 or square_side(result):
        return None
    where, label = tilt_line(result) or (np.arange(len(result.tilt)),
                                         "number of the tilt in the series, from 0")
    figure, axes = plt.subplots(layout="constrained", figsize=(COLUMN, 2.6))
    curves_of(axes, result, where, result.intensity[:, -1])
    axes.set_title(f"thickness {result.thickness[-1]:.4g} Å", loc="left")
    axes.set_xlabel(label)
    return figure


def lacbed_figure(result):
    """Intensity over a square of tilts (x right, y down), one of the beams that are equal by symmetry; up to
    three thicknesses, else the greatest. None without such a square."""
    side = square_side(result)
    if side is None:
        return None
    few = len(result.thickness) <= 3
    thicknesses = range(len(result.thickness)) if few else [len(result.thickness) - 1]
    beams = distinct(result, result.intensity)[:4 if len(thicknesses) > 1 else CURVES]
    panels = [(t, i) for t in thicknesses for i in beams]
    columns = min(4, len(beams))
    rows = -(-len(panels) // columns)
    figure, grid = plt.subplots(rows, columns, squeeze=False, layout="constrained", sharex=True,
                                sharey=True, figsize=(PAGE / 4 * columns, 1.62 * rows + 0.35))
    x, y = result.tilt.T
    half = 0.5 * (x[1] - x[0])
    extent = (x.min() - half, x.max() + half, y.max() + half, y.min() - half)
    for axes in grid.flat[len(panels):]:
        axes.set_axis_off()
    for axes, (t, i) in zip(grid.flat, panels):
        panel(figure, axes, result.intensity[:, t, i].reshape(side, side), extent,
              f"{hkl_label(result.hkl[i])}, {result.thickness[t]:.4g} Å")
    figure.suptitle(INTENSITY, fontsize="medium")
    figure.supxlabel("beam tilt x (mrad)", fontsize="medium")
    figure.supylabel("beam tilt y (mrad), down", fontsize="medium")
    return figure


def even(coordinates):
    steps = np.diff(coordinates)
    return len(steps) > 1 and np.allclose(steps, steps[0], rtol=1e-3)


def map_figure(result):
    """Intensity over thickness and tilt of the strongest beams, for even series along a line."""
    line = tilt_line(result)
    if line is None or not even(line[0]) or not even(result.thickness):
        return None
    where, label = line
    order = np.argsort(where)
    where, thickness = where[order], result.thickness
    tilt_half, half = 0.5 * (where[1] - where[0]), 0.5 * (thickness[1] - thickness[0])
    extent = (where[0] - tilt_half, where[-1] + tilt_half, thickness[-1] + half, thickness[0] - half)
    beams = strongest_first(result, result.intensity)[:3]
    figure, grid = plt.subplots(1, len(beams), squeeze=False, layout="constrained", sharex=True,
                                sharey=True, figsize=(PAGE / 3 * len(beams), 2.7))
    for axes, i in zip(grid.flat, beams):
        panel(figure, axes, result.intensity[order, :, i].T, extent, hkl_label(result.hkl[i]),
              "auto")
    figure.suptitle(INTENSITY, fontsize="medium")
    figure.supxlabel(label, fontsize="medium")
    figure.supylabel("thickness of the layer (Å), down", fontsize="medium")
    return figure
