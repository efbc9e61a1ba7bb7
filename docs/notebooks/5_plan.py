# %% [markdown]
# # Planning an experiment
#
# Can the question be answered with this specimen, dose and aperture? A fit's standard errors do not need data: they
# follow from the derivatives of the intensities (the Cramér-Rao limit). So they can be known before the measurement.
#
# ## Errors against dose and thickness
#
# The specimen is a SrTiO3/PbTiO3/SrTiO3 multilayer whose tilt, polarization and thickness are to be mapped. `states`
# are random polarizations that the errors are evaluated at; here fewer than in the example, to save time.

# %%
import pathlib
import tempfile

import matplotlib.pyplot as plt
import numpy as np
import pendel

ROOT = pathlib.Path("../..").resolve()
work = pathlib.Path(tempfile.mkdtemp())
study = ROOT / "studies/examples/sto_pto_plan/study.yaml"

# %%
plan = pendel.load(pendel.run(study, output=work / "plan.h5", plan__states=2, plan__thicknesses_A=[46.86, 62.48, 78.1],
                              plan__tilt_line={"from_mrad": [0, 0], "to_mrad": [4, 0], "points": 2}))
figures = pendel.plot(plan)

# %% [markdown]
# What to look at:
#
# - **Errors**: is the standard error smaller than what you want to see? If not at any thickness, count more electrons:
#   errors fall with the square root of the dose, as long as nothing but counting noise matters.
# - **Bias**: what the fit would get wrong by neglecting an effect, in standard errors. Whatever is above 1 (bright) must be in
#   the model or be avoided: here absorption, and one unit cell too many in the third layer.

# %%
for name, array in plan.errors.items():
    median = np.nanmedian(array.values, axis=(0, 1, 2))  # (dose, set of disks)
    print(f"{name:20} " + ", ".join(f"{m:.3g} at {d:.0e} electrons" for m, d in zip(median[:, -1], plan.dose)) + f" {array.unit}")

# %% [markdown]
# ## Is the prediction right?
#
# Ask a fit. For a simpler specimen: the limit from the Jacobian by hand, σ² = diag (Jᵀ W J)⁻¹ with W = 1/variance of the
# counts, and the scatter of 200 fits of simulated counts, for three doses.

# %%
crystal = pendel.Crystal.from_cif(ROOT / "data/cif/SrTiO3.cif")
simulator = pendel.Simulator([(crystal, 200.0)], energy_keV=300, zone_axis=[0, 0, 1], x_axis=[1, 0, 0], kind="splitstep",
                             g_max_invA=3)
parameters = [simulator.tilt("x", -4, 4), simulator.tilt("y", -4, 4), simulator.thickness(0, 180, 220)]
disks = [h for h in simulator.hkl if abs(h).max() <= 2]
model = pendel.Model(simulator, disks, parameters, semiangle_mrad=1.5, surrogate_tolerance=0.005)
truth = np.array([1.0, -0.5, 203.0])

random = np.random.default_rng(5)
doses = np.array([1e3, 1e4, 1e5])
I, J = model.jacobian(truth)  # (disks), (disks, parameters)
limit, scatter = [], []
for dose in doses:
    limit.append(np.sqrt(np.diag(np.linalg.inv((dose * J.T / I) @ J))))
    fit = model.fit(random.poisson(dose * model(np.tile(truth, (200, 1)))), dose=dose, scale=(1, 1))
    scatter.append(np.sqrt(np.mean((fit["values"] - truth) ** 2, axis=0)))
limit, scatter = np.array(limit), np.array(scatter)

figure, axes = plt.subplots(figsize=(4.2, 2.8), layout="constrained")
for n, p in enumerate(parameters):
    line, = axes.loglog(doses, limit[:, n], label=f"{p.name} ({'Å' if n == 2 else 'mrad'})")
    axes.plot(doses, scatter[:, n], "o", markersize=4, color=line.get_color())
axes.set(xlabel="electrons per pattern", ylabel="limit (lines)\nscatter of fits (points)")
axes.legend(fontsize="small")
print("scatter / limit:\n", (scatter / limit).round(2))

# %% [markdown]
# A fit cannot be better than the limit, and this one is as good. Two doses apart by a factor 100 have errors apart by 10.

# %%
assert (abs(scatter / limit - 1) < 0.2).all()  # 200 fits: 1 ± 0.05
first, last = plan.dose[0], plan.dose[-1]
for array in plan.errors.values():
    ratio = array.values[..., 0, -1] / array.values[..., -1, -1]
    assert abs(np.nanmedian(ratio) / np.sqrt(last / first) - 1) < 0.15  # a background makes it not quite the root
tilt = plan.errors["beam_tilt_mrad.x"].values[..., -1, -1]
assert 0.012 < np.nanmedian(tilt) < 0.022  # mrad; the fit of the simulated scan (notebook 2) has 0.016 rms
strongest = max(plan.bias, key=lambda effect: np.sqrt(np.mean(plan.bias[effect]["thickness_A.1"].values ** 2)))
assert strongest == "absorption"
