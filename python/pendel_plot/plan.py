"""What a measurement can tell, from a `plan` result: errors, ambiguity and bias."""
import warnings

import numpy as np

from .style import COLUMN, ERROR, PAGE, LogNorm, plt, with_unit


def median_over_states(values):
    """(thickness, tilt, state, dose, set) -> without the states; NaN where all are."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.nanmedian(values, axis=2)


def tilt_axis(plan):
    """(coordinate [mrad], label) of tilts on a line through the first and last, else their numbers."""
    offset = plan.tilt - plan.tilt[0]
    span = np.linalg.norm(offset[-1])
    if len(offset) > 1 and span > 0:
        along = offset[-1] / span
        if np.abs(offset @ [-along[1], along[0]]).max() < 1e-6 * span:
            axis = np.argmax(np.abs(along))
            return plan.tilt[:, axis], f"true beam tilt {'xy'[axis]} (mrad)"
    return np.arange(len(plan.tilt)), "number of the tilt"


def grid_side(plan):
    """n of an n × n square of tilts, else None."""
    n = int(round(len(plan.tilt) ** 0.5))
    if n < 2 or n * n != len(plan.tilt):
        return None
    square = plan.tilt.reshape(n, n, 2)
    return n if np.ptp(square[:, :, 0], axis=0).max() < 1e-9 else None


def draw(figure, axes, plan, values, label):
    """values (thickness, tilt, dose, set) over whatever varies: a map over thickness and tilt or over
    a square of tilts (highest dose, most disks), lines over one of them, or lines over the dose."""
    thickness, tilts = values.shape[:2]
    side = grid_side(plan)
    finite = values[..., -1, -1][np.isfinite(values[..., -1, -1])]
    image = None
    decades = finite.size and finite.min() > 0 and finite.max() > 5 * finite.min()
    norm = LogNorm(finite.min(), finite.max()) if decades else None
    tilt, tilt_label = tilt_axis(plan)
    if side and thickness == 1:
        first, last = plan.tilt[0], plan.tilt[-1]
        half = (last - first) / (side - 1) / 2
        image = axes.imshow(values[0, :, -1, -1].reshape(side, side), cmap=ERROR, norm=norm,
                            extent=[first[0] - half[0], last[0] + half[0], last[1] + half[1],
                                    first[1] - half[1]], interpolation="nearest")
        axes.set_xlabel("true beam tilt x (mrad)")
        axes.set_ylabel("true beam tilt y (mrad)")
    elif thickness > 1 and tilts > 1:
        image = axes.pcolormesh(tilt, plan.thickness, values[:, :, -1, -1], cmap=ERROR, norm=norm,
                                shading="nearest")
        axes.set_xlabel(tilt_label)
        axes.set_ylabel("thickness of the layer (Å)")
    else:
        x, x_label, curves = plan.dose, "electrons per position", values[0, 0]
        if thickness > 1:
            x, x_label, curves = plan.thickness, "thickness of the layer (Å)", values[:, 0]
        elif tilts > 1:
            x, x_label, curves = tilt, tilt_label, values[0]
        curves = np.atleast_2d(curves) if curves.ndim == 1 else curves
        if x is plan.dose:
            for s, g in enumerate(plan.g_max):
                axes.plot(x, curves[:, s], marker=".", label=f"|g| ≤ {g:g} 1/Å")
            axes.set_xscale("log")
        else:
            for d, dose in enumerate(plan.dose):
                axes.plot(x, curves[:, d, -1], marker=".", label=f"{dose:.3g} electrons")
        axes.set_yscale("log")
        axes.set_xlabel(x_label)
        axes.set_ylabel(label)
        axes.grid(linewidth=0.3, which="both")
        axes.legend(frameon=False)
    if image is not None:
        figure.colorbar(image, ax=axes, label=label, shrink=0.85)


def shown(plan, is_map):
    text = "median over states" if plan.states > 1 else ""
    at = f"{plan.dose[-1]:.3g} electrons, |g| ≤ {plan.g_max[-1]:g} 1/Å" if is_map else (
        f"|g| ≤ {plan.g_max[-1]:g} 1/Å" if len(plan.tilt) > 1 or len(plan.thickness) > 1 else "")
    return ", ".join(part for part in (at, text) if part)


def is_map(plan):
    return len(plan.thickness) > 1 and len(plan.tilt) > 1 or (
        len(plan.thickness) == 1 and grid_side(plan) is not None)


def errors_figure(plan):
    """Smallest standard error of every parameter."""
    names = list(plan.errors)
    columns = min(3, len(names))
    rows = -(-len(names) // columns)
    figure, all_axes = plt.subplots(rows, columns, layout="constrained", squeeze=False,
                                    figsize=(PAGE / 3 * columns, 2 * rows + 0.3))
    for axes, name in zip(all_axes.flat, names):
        array = plan.errors[name]
        draw(figure, axes, plan, median_over_states(array.values), with_unit("σ", array.unit))
        axes.set_title(name)
    for axes in all_axes.flat[len(names):]:
        axes.remove()
    figure.suptitle("Cramér-Rao limit: " + shown(plan, is_map(plan)) if shown(plan, is_map(plan))
                    else "Cramér-Rao limit", fontsize="medium")
    return figure


def separation_figure(plan):
    """Distance to the nearest other state that fits, in standard deviations; None without one."""
    if plan.separation is None or not np.isfinite(plan.separation.values).any():
        return None
    values = plan.separation.values
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        nearest = np.nanmin(values, axis=2)
    if is_map(plan) and not np.isfinite(nearest[..., -1, -1]).any():  # what a map would show
        return None
    figure, axes = plt.subplots(layout="constrained", figsize=(COLUMN, 3))
    draw(figure, axes, plan, nearest, "separation (σ)")
    where = shown(plan, is_map(plan)).replace("median", "least")
    axes.set_title("nearest other state that fits" + (f"\n{where}" if where else ""))
    return figure


def bias_figure(plan):
    """Root mean square shift of every parameter by each neglected effect, in units of its error at
    the highest dose, and in its own unit as a number; None without effects."""
    if not plan.bias:
        return None
    effects, names = list(plan.bias), list(plan.errors)
    rms = np.array([[np.sqrt(np.mean(plan.bias[e][n].values ** 2)) for n in names]
                    for e in effects])
    sigma = np.array([np.nanmedian(plan.errors[n].values[..., -1, -1]) for n in names])
    ratio = rms / sigma
    figure, axes = plt.subplots(layout="constrained",
                                figsize=(min(1.8 + 1.1 * len(names), PAGE), max(0.9 + 0.35 * len(effects), 2)))
    norm = LogNorm(0.1, max(10.0, np.nanmax(ratio)))
    image = axes.imshow(np.maximum(ratio, 0.1), cmap=ERROR, norm=norm, aspect="auto")
    for i in range(len(effects)):
        for j, name in enumerate(names):
            unit = plan.errors[name].unit
            dark = norm(max(ratio[i, j], 0.1)) < 0.6
            axes.text(j, i, f"{rms[i, j]:.2g}{' ' + unit if unit else ''}", ha="center",
                      va="center", fontsize="small", color="white" if dark else "black")
    axes.set_xticks(range(len(names)), [n.replace(".", "\n", 1) for n in names])
    axes.set_yticks(range(len(effects)), effects)
    figure.colorbar(image, ax=axes, label=f"bias / σ at {plan.dose[-1]:.3g} electrons")
    axes.set_title("bias if an effect is neglected (rms)")
    return figure
