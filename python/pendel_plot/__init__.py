"""Figures of Pendel's result files; run as `python3 -m pendel_plot RESULT.h5 -o DIR`."""
