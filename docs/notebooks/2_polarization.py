# %% [markdown]
# # Fitting polarization
#
# From disk intensities of a 4D-STEM scan to a map of polarization with error bars. The scan, of a SrTiO3/PbTiO3/SrTiO3
# multilayer, is simulated by a program that has no code in common with Pendel; its truth is known.
#
# ## Why not simply subtract two disks?
#
# In a polar crystal the disks g and −g differ. But so they do in a tilted one. Below: the asymmetry of 100 and -100 of
# PbTiO3 against thickness, for the full polarization without tilt, and for a tilt of 1 mrad without polarization.

# %%
import pathlib
import tempfile

import matplotlib.pyplot as plt
import numpy as np
import pendel

ROOT = pathlib.Path("../..").resolve()
work = pathlib.Path(tempfile.mkdtemp())


def asymmetry(cif, tilt):
    crystal = pendel.Crystal.from_cif(ROOT / "data/cif" / cif)
    simulator = pendel.Simulator([(crystal, 10.0)], energy_keV=300, beam_direction=[0, 0, 1], x_axis=[1, 0, 0],
                                 kind="splitstep", g_max_invA=3, tilts_mrad=[tilt])
    I = abs(simulator.thickness_series(thickness, [tilt])[:, 0]) ** 2
    plus, minus = (I[:, (simulator.hkl == h).all(1).argmax()] for h in ([1, 0, 0], [-1, 0, 0]))
    return (plus - minus) / (plus + minus)


thickness = np.arange(4.0, 300, 4)
polar = asymmetry("PbTiO3_stack_polar_x.cif", [0, 0])
tilted = asymmetry("PbTiO3_stack.cif", [1, 0])
figure, axes = plt.subplots(figsize=(4.2, 2.6), layout="constrained")
axes.plot(thickness, polar, label="polarization 1, no tilt")
axes.plot(thickness, tilted, label="no polarization, tilt 1 mrad")
axes.axhline(0, color="0.6", linewidth=0.8)
axes.set(xlabel="thickness (Å)", ylabel="(I(100) − I(-100)) / sum")
axes.legend()
print("signs of the polar asymmetry:", sorted(set(np.sign(polar))))
assert polar.min() < -0.2 < 0.2 < polar.max()  # its sign depends on the thickness
assert abs(tilted).max() > 0.3  # and a small tilt makes one as large

# %% [markdown]
# So tilt, polarization and thickness are fitted together, with all disks and multiple scattering.
#
# ## The study
#
# `fit` names what is unknown at every position. The amplitude ρ is a factor on a *displacement mode*: with the shifts
# of bulk PbTiO3 as the mode, ρ = 1 is bulk.

# %%
study = ROOT / "studies/examples/sto_pto_vortex/study.yaml"
text = study.read_text()
print(text[text.index("fit:"):])

# %% [markdown]
# ## The fit
#
# 192 positions, 10⁵ electrons each, 69 disks. Most of the time goes into a surrogate, a series in the parameters that
# is built once and checked against the engine; then a position costs about a millisecond.

# %%
found = pendel.load(pendel.run(study, output=work / "vortex.h5"))
print(found.shape, "positions;", int((found.status == 0).sum()), "converged")
figures = pendel.plot(found, "maps", "polarization", "disks")

# %% [markdown]
# What to look at, in this order:
#
# 1. **Disks**: measured and fitted intensities of the position of median χ². Residuals scatter within ±2 σ, without a
#    pattern. If a few disks are off by many σ, an effect is missing in the model, and no error bar is worth anything.
# 2. **χ²** over the map: about 1 everywhere. A region that stands out is another specimen than you said.
# 3. **Standard errors**: smaller than what you want to see.
# 4. Only then the arrows. They are ρ, the displacement; the dipole may point the other way.
#
# ## Against the truth

# %%
print(f"{'':20}{'rms error':>12}{'standard error':>16}{'rms / σ':>9}")
ratio = {}
for p in found.parameters:
    if p.truth is None:
        continue
    error = p.value.values - p.truth.values
    ratio[p.name] = np.sqrt(np.mean((error / p.error.values) ** 2))
    print(f"{p.name:20}{np.sqrt(np.mean(error**2)):12.4f}{np.median(p.error.values):16.4f}{ratio[p.name]:9.2f}")

by_name = {p.name: p for p in found.parameters}
for axis in "xy":
    p = by_name[f"polarization.PTO.{axis}"]
    assert np.sqrt(np.mean((p.value.values - p.truth.values) ** 2)) < 0.007
    p = by_name[f"beam_tilt_mrad.{axis}"]
    assert np.sqrt(np.mean((p.value.values - p.truth.values) ** 2)) < 0.022  # mrad
assert len(ratio) >= 5 and all(0.8 < r < 1.25 for r in ratio.values())  # error bars are what they say
assert (found.status == 0).all()
