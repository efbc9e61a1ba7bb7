#!/usr/bin/env python3
"""Draws what full_disks printed: plot_full_disks.py OUTPUT_OF_full_disks FIGURE.svg"""
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

plt.rcParams.update({"font.size": 8, "svg.hashsalt": "pendel", "svg.fonttype": "none"})


def main():
    rows = np.loadtxt(sys.argv[1])
    thickness, semiangle = rows[:, 0], rows[:, 1]
    figure, panels = plt.subplots(1, 2, figsize=(7, 2.9), layout="constrained", sharex=True, sharey=True)
    for axes, first, what in (panels[0], 3, "one thickness unknown"), (panels[1], 5, "all three thicknesses unknown"):
        for i, alpha in enumerate(np.unique(semiangle)):
            chosen = [rows[(semiangle == alpha) & (thickness == t)] for t in np.unique(thickness)]
            for column, style, name in (first, "o--", "integrals"), (first + 1, "o-", "pixels"):
                axes.plot(np.unique(thickness), [np.median(r[:, column]) for r in chosen], style, color=f"C{i}",
                          markersize=3, label=f"{alpha:g} mrad, {name}")
            for t, r in zip(np.unique(thickness), chosen):
                print(f"{what}: {t:g} Å, {alpha:g} mrad: median σ(P) {np.median(r[:, first]):.5f} integrals, "
                      f"{np.median(r[:, first + 1]):.5f} pixels, ratio {np.median(r[:, first] / r[:, first + 1]):.2f}")
        axes.set_title(what, fontsize=8)
        axes.set_xlabel("thickness of the stack (Å)")
    panels[0].set_ylabel("median error of the polarization")
    panels[0].set_yscale("log")
    panels[0].legend(frameon=False, fontsize=6.5, handlelength=3)
    figure.savefig(sys.argv[2], metadata={"Date": None})


if __name__ == "__main__":
    main()
