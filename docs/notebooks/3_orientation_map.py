# %% [markdown]
# # A map of phase and orientation, from measured data
#
# Which crystal is where, and how is it turned? The data are Bragg peaks that were measured at 27 × 20 positions of a
# particle of a Li-ion cathode (`data/scans/README.md` says whose). Three phases are possible: layered LiCoO2, spinel
# LiMn2O4 and Li2MnO3.
#
# ## The study
#
# `peaks` names the measured peaks, `library` the crystals. `calibration: {}` corrects what all positions have in common
# (scale, ellipse, origin); `map.twins` is a relation to look for between neighbours.

# %%
import pathlib
import tempfile

import h5py
import matplotlib.pyplot as plt
import numpy as np
import pendel

ROOT = pathlib.Path("../..").resolve()
work = pathlib.Path(tempfile.mkdtemp())
study = ROOT / "studies/examples/cathode_orientations/study.yaml"
print(study.read_text()[study.read_text().index("peaks:"):])

# %% [markdown]
# ## Match
#
# Templates of all orientations that the symmetry of each crystal leaves distinct are calculated, and compared with the
# peaks of every position.

# %%
result = pendel.run(study, output=work / "map.h5")
found = pendel.load(result)
figures = pendel.plot(found)

# %% [markdown]
# What to look at:
#
# 1. **Phases.** One phase nearly everywhere, the others in single positions at the edge. Believe a phase where its
#    probability is high over a connected area. Oxygen forms nearly the same lattice in all three, so that they share
#    most reflections in many zones.
# 2. **Quality.** A score of 0.6 and peaks within 0.02 1/Å of calculated spots. *To be doubted* says why: here many
#    positions fit as well when turned by 180° about the beam, as in every zone without a twofold axis.
# 3. **Pole-figure colours.** Each map is coloured by the crystal direction along one axis of the map; the key under it
#    says which colour is which direction, one key per phase because the symmetries differ.
# 4. **Misorientation.** White lines are boundaries of twins about [111]. The histogram has no angle between some degrees
#    (within grains) and 60° (twins).

# %%
phase = found.phase_id.values
indexed = phase >= 0
share = {name: np.mean(phase[indexed] == p) for p, name in enumerate(found.phases)}
for name, part in share.items():
    print(f"{name:8} {100 * part:5.1f} % of the {indexed.sum()} indexed positions")
angles = np.concatenate([found.misorientation[to].values[found.misorientation["twin_" + to].values >= 0]
                         for to in ("right", "down")])
print(f"{len(angles)} pairs of twins, turned by {np.median(angles):.2f}° (median)")

# %% [markdown]
# ## One position by hand
#
# Do the calculated spots lie on the measured peaks? The orientation R turns crystal into laboratory vectors,
# g_lab = R g_crystal. Spots that nearly touch the Ewald sphere, drawn over the peaks:

# %%
with h5py.File(result) as file:
    root = file["pendel"]
    on_spots = np.where(phase == found.phases.index("LiMn2O4"), root["n_peaks_used/data"][()], 0)
    at = np.unravel_index(np.argmax(on_spots), on_spots.shape)
    R = root["orientation_matrix/data"][at][0]  # the best of the solutions
with h5py.File(ROOT / "data/scans/cathode_peaks.h5") as file:
    measured = file["pendel/braggvectors/_v_uncal/data"][at]
peaks = np.stack([measured["qy"], measured["qx"]], 1)  # x along columns, y along rows; py4DSTEM's qx counts rows

spinel = pendel.Crystal.from_cif(ROOT / "data/cif/LiMn2O4.cif")
hkl = spinel.reflections(g_max_invA=1.5)
g = spinel.g(hkl) @ R.T
k = 1 / 0.019687  # 1/Å, of electrons of 300 keV
excitation_error = -g[:, 2] - (g**2).sum(1) / (2 * k)
U, _ = spinel.structure_factors(hkl, energy_keV=300)
shown = (abs(excitation_error) < 0.06) & (abs(U) > 1e-4)  # the particle is thin: its spots are long rods
spots = g[shown, :2]

figure, axes = plt.subplots(figsize=(4.2, 4.2), layout="constrained")
axes.scatter(*peaks.T, s=8 + 6 * np.sqrt(measured["intensity"]), color="0.4", linewidth=0, label="measured peaks")
axes.scatter(*spots.T, s=45, facecolor="none", edgecolor="C3", linewidth=0.8, label="spots of LiMn$_2$O$_4$")
axes.set(xlabel="$q_x$ (1/Å)", ylabel="$q_y$ (1/Å), down", xlim=(-1.6, 1.6), ylim=(1.6, -1.6), aspect="equal")
axes.legend(loc="lower right", fontsize="small")

distance = np.linalg.norm(peaks[:, None] - spots, axis=2).min(1)
random = np.random.default_rng(1)
turned = [spots @ np.array([[np.cos(t), np.sin(t)], [-np.sin(t), np.cos(t)]]) for t in random.uniform(0.1, 3.0, 200)]
by_chance = np.median([np.median(np.linalg.norm(peaks[:, None] - other, axis=2).min(1)) for other in turned])
print(f"row, column {tuple(map(int, at))}: {len(peaks)} peaks, median distance from the nearest spot "
      f"{np.median(distance):.3f} 1/Å; by chance {by_chance:.3f} 1/Å")

# %% [markdown]
# A measured map has no truth to compare with. What can be asked of it: the particle is one phase, twins are turned by
# 60° about [111] as in spinels, spots lie where the peaks are and would not by chance.

# %%
assert share["LiMn2O4"] > 0.95
assert len(angles) > 20 and abs(np.median(angles) - 60) < 1.5  # tilts of the zone are known to about a degree
assert np.nanmedian(found.quality["score"].values) > 0.55
assert np.median(distance) < 0.5 * by_chance
