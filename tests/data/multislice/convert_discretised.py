"""Makes discretised.txt here from the project's multislice reference (see README.md):
    convert_discretised.py REFERENCE/unit_multislice.json
"""
import json
import os
import sys

Z = {"O": 8, "Ti": 22, "Ga": 31, "As": 33, "Sr": 38, "Au": 79, "Pb": 82}

with open(sys.argv[1]) as file:
    cases = json.load(file)["cases"]
folder = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(folder, "discretised.txt"), "w") as out:
    for case in cases:
        assert case["param"] == "kirkland"
        counts = [len(case[key]) for key in ("atoms", "hk", "tilt_mrad", "ncell")]
        print(case["crystal"], *case["cell_A"], case["energy_eV"] / 1e3, *case["grid"], case["nslices"], *counts, file=out)
        for symbol, *position in case["atoms"]:
            print(Z[symbol], *position, case["B_A2"][symbol], file=out)
        for hk in case["hk"]:
            print(*hk, file=out)
        for i, tilt in enumerate(case["tilt_mrad"]):
            for j, cells in enumerate(case["ncell"]):
                print(*tilt, cells, file=out)
                for amplitude in zip(case["re"][i][j], case["im"][i][j]):
                    print(*amplitude, file=out)
