"""Makes srtio3_frozen_phonon.h5 here from the project's multislice reference (see README.md):
    convert.py REFERENCE/srtio3_cbed_frozen_phonon.h5
"""
import os
import sys

import h5py
import numpy as np

PROBES = ["cbed_10mrad_SrColumn", "cbed_10mrad_quarter", "cbed_2.4mrad_TiOColumn"]
CENTRE = slice(72, 121)  # of 193 pixels
SPARSE = slice(0, 193, 4)
RINGS_PX = [0, 16, 48, 96]  # radii

folder = os.path.dirname(os.path.abspath(__file__))
with h5py.File(sys.argv[1]) as source, h5py.File(os.path.join(folder, "srtio3_frozen_phonon.h5"), "w") as target:
    names = [name.decode() for name in source["names"][()]]
    chosen = [names.index(name) for name in PROBES]
    target["thickness_A"] = source["thickness_A"][()]
    target["total"] = source["total_in_band"][()][chosen]
    y, x = np.indices((193, 193)) - 96
    radius = np.hypot(x, y)
    rings = [(radius >= a) & (radius < b) for a, b in zip(RINGS_PX, RINGS_PX[1:])]
    for name in "mean", "stderr":
        given = source["intensity_" + name][()][chosen]
        for part, pixels in ("centre", CENTRE), ("sparse", SPARSE):
            target.create_dataset(f"{name}/{part}", data=given[:, :, pixels, pixels], compression=9, shuffle=True)
        if name == "mean":
            target["rings"] = np.stack([given[:, :, ring].sum(-1, dtype=float) for ring in rings], -1)
    coherent = source["coherent_intensity"][()][chosen]
    target.create_dataset("coherent/centre", data=coherent[:, :, CENTRE, CENTRE], compression=9, shuffle=True)
    hk = source["planewave_hk"][()]
    near = np.flatnonzero(abs(hk).max(1) <= 2)
    target["hk"] = hk[near]
    target["bragg_static"] = source["bragg_dw_static"][()][:, near]
