#!/usr/bin/env python3
"""Draws what dynamical_gain printed: plot_dynamical_gain.py OUTPUT_OF_dynamical_gain FIGURE.svg"""
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

plt.rcParams.update({"font.size": 8, "svg.hashsalt": "pendel", "svg.fonttype": "none"})
METHODS = "kinematical library", "the same, re-ranked", "the same, re-ranked and tilted", "dynamical library"


def main():
    rows = np.loadtxt(sys.argv[1])
    thickness, phase, method, found = rows[:, 0], rows[:, 1], rows[:, 3].astype(int), rows[:, 4]
    error, thickness_found, its_error = rows[:, 6], rows[:, 7], rows[:, 8]
    steps = np.unique(thickness)
    figure, panels = plt.subplots(1, 3, figsize=(7.2, 2.9), layout="constrained")
    for m, name in enumerate(METHODS):
        chosen = [(method == m) & (thickness == t) for t in steps]
        right = [c & (found == phase) for c in chosen]
        median, most = ([np.quantile(error[r], q) for r in right] for q in (0.5, 0.9))
        wrong = [100 * np.mean(found[c] != phase[c]) for c in chosen]
        off = [np.median(np.abs(thickness_found[r] - thickness[r])) for r in right]
        within = [np.mean(np.abs(thickness_found[r] - thickness[r]) <= 2 * its_error[r]) for r in right]
        panels[0].plot(steps, median, "o-", color=f"C{m}", markersize=3, label=name)
        panels[0].plot(steps, most, "o--", color=f"C{m}", markersize=3)
        panels[1].plot(steps, wrong, "o-", color=f"C{m}", markersize=3)
        if m:
            panels[2].plot(steps, off, "o-", color=f"C{m}", markersize=3)
        for t, c, r, *values in zip(steps, chosen, right, median, most, wrong, off, within):
            print(f"{name}, {t:g} Å: {c.sum()} patterns, {np.mean(error[c] > 2):.0%} beyond 2°; median {values[0]:.3f}°, "
                  f"90 % {values[1]:.3f}°, wrong phase {values[2]:.1f} %, thickness {values[3]:.0f} Å off, "
                  f"within two errors {values[4]:.0%}")
    panels[0].set_yscale("log")
    panels[0].set_yticks([0.5, 1, 2, 5], ["0.5", "1", "2", "5"])
    panels[0].minorticks_off()
    figure.get_layout_engine().set(rect=(0, 0.09, 1, 0.91))
    figure.legend(*panels[0].get_legend_handles_labels(), loc="lower center", ncols=4, frameon=False)
    for axes, label in zip(panels, ("error of the orientation (°):\nmedian, 90 % (dashed)", "wrong phase (%)",
                                    "median error of the thickness (Å)")):
        axes.set_ylabel(label)
        axes.set_xlabel("thickness (Å)")
    figure.savefig(sys.argv[2], metadata={"Date": None})


if __name__ == "__main__":
    main()
