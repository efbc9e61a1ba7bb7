"""The drawings of the validation report, of the points that tests recorded (tests/record.hpp)."""
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

plt.rcParams.update({"font.size": 8, "svg.hashsalt": "pendel", "svg.fonttype": "none", "legend.frameon": False,
                     "legend.fontsize": 7, "lines.markersize": 3.5})


def largest(points):
    """One point for each x, with the largest y."""
    best = {}
    for x, y in points:
        best[x] = max(y, best.get(x, y))
    return np.array(sorted(best.items())).T


def lines(axes, series, x_label, y_label):
    """Series in the order of their last value, which is that of the legend."""
    for name, points in sorted(series.items(), key=lambda item: -largest(item[1])[1, -1]):
        style = "k--" if "limit" in name else "o-"
        axes.plot(*largest(points), style, label=name)
    axes.set(xlabel=x_label, ylabel=y_label, yscale="log")


def thickness(points):
    figure, axes = plt.subplots(figsize=(5.6, 3.2), layout="constrained")
    lines(axes, points["thickness"], "thickness (Å)", "largest difference of an intensity")
    axes.axhline(2e-5, color="k", linestyle="--", linewidth=0.8)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def beams(points):
    figure, axes = plt.subplots(figsize=(3.6, 2.7), layout="constrained")
    lines(axes, points["beams"], "beams", "R1")
    axes.legend()
    return figure


def recovery(points):
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3), layout="constrained")
    for (name, at), marker in zip(points["recovery"].items(), "os^v"):
        limit, error = np.array(at).T
        left.plot(limit, error / limit, marker, label=name)
    left.axhline(1, color="k", linewidth=0.8)
    left.axhline(1.3, color="k", linestyle=":", linewidth=0.8)
    left.set(xscale="log", xlabel="Cramér-Rao limit", ylabel="rms error over the limit", ylim=(0, None))
    left.legend(loc="lower left")
    edges = np.linspace(-4, 4, 33)
    for name, at in points["residuals"].items():
        values = np.array(at)[:, 1]
        right.hist(values, edges, density=True, histtype="step", label=f"{name}, {len(values)}")
    u = np.linspace(-4, 4, 200)
    right.plot(u, np.exp(-u**2 / 2) / np.sqrt(2 * np.pi), "k-", linewidth=0.8)
    right.set(xlabel="error over error bar", ylabel="density", ylim=(0, 0.62))
    right.legend()
    return figure


def disks(points):
    figure, axes = plt.subplots(figsize=(3.6, 2.7), layout="constrained")
    lines(axes, points["disks"], "electrons per pattern", "rms error (pixels)")
    axes.set_xscale("log")
    axes.legend()
    return figure


def performance(bench):
    times = [f for f in bench if not f["ratio"]][::-1]
    figure, axes = plt.subplots(figsize=(6.4, 0.25 * len(times) + 0.6), layout="constrained")
    shares = [f["obtained"] / f["target"] for f in times]
    axes.barh([f["what"] for f in times], shares, color=["C0" if s <= 1 else "C1" for s in shares])
    axes.axvline(1, color="k", linewidth=0.8)
    for i, f in enumerate(times):
        axes.text(0.98, i, f"{f['obtained']:.3g} {f['unit']}", va="center", ha="right", fontsize=7,
                  transform=axes.get_yaxis_transform())
    axes.set(xscale="log", xlabel="time over target", xlim=(0.01, 10 * max([1, *shares])))
    return figure


def draw(points, bench, folder):
    """Those that something was recorded for."""
    made = {name: function(points) for name, function in (("thickness", thickness), ("beams", beams), ("recovery", recovery),
                                                          ("disks", disks)) if name in points}
    if bench:
        made["performance"] = performance(bench)
    for name, figure in made.items():
        figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
        plt.close(figure)
