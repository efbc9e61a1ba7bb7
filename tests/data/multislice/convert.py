"""Makes bragg_thickness.h5 here from the project's multislice reference (see README.md):
    convert.py REFERENCE/bragg_thickness.h5
"""
import os
import sys

import h5py
import numpy as np

SETS = ["PbTiO3_100/300kV/lobato/dw", "PbTiO3_100/200kV/lobato/dw", "SrTiO3_001/300kV/kirkland/dw", "Si_110/200kV/lobato/dw"]
TILTS = [0, 3, 7, 9]  # (0, 0), (10, 0), (-5, 0), (3, -7) mrad
THICKNESSES_A = [8, 50, 100, 190, 280, 400]

folder = os.path.dirname(os.path.abspath(__file__))
with h5py.File(sys.argv[1]) as source, h5py.File(os.path.join(folder, "bragg_thickness.h5"), "w") as target:
    for name in SETS:
        given = source[name]
        t = given["thickness_A"][:]
        chosen = [int(np.argmin(abs(t - wanted) + (t > 400) * 1e3)) for wanted in THICKNESSES_A]
        group = target.create_group(name)
        group["thickness_A"] = t[chosen]
        group["tilt_mrad"] = given["tilt_mrad"][:][TILTS]
        group["hk"] = given["hk"][:].astype("int16")
        group.create_dataset("intensity", data=given["intensity"][:][TILTS][:, chosen].astype("float32"), compression=9, shuffle=True)
        for part in "re", "im":
            group.create_dataset("amp_" + part, data=given["amp_" + part][:][TILTS][:, chosen], compression=9, shuffle=True)
