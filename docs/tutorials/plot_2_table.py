"""
A feature data set for a paper
==============================

A table that others can use must say what every column is and what computed it.
"""

# %%
# On the command line: ``earmark extract data/raw -o features.parquet``. The same from Python:

from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import pandas as pd
import pyarrow.parquet

import earmark
from earmark.extract import tables

frame = earmark.table(["../../data/raw"])
table = earmark.FeatureTable.of(frame)
len(table), len(table.columns)

# %%
# The table carries its provenance: the set with its version, a fingerprint of the settings, and
# the versions of what computed it. A paper names the set and the fingerprint; two tables with the
# same fingerprint can be joined, others are refused by name.

{name: table.provenance[name] for name in ("set", "fingerprint", "earmark", "python", "librosa")}

# %%
# Parquet keeps that, and unit, range and version of every column, for readers in any language.

with TemporaryDirectory() as folder:
    path = Path(folder, "features.parquet")
    tables.write(table, path)
    schema = pyarrow.parquet.read_schema(path)
    again = pd.read_parquet(path)
schema.field("loudness").metadata

# %%
# What cannot be computed is missing, never 0 or -1: here the width of the two tracks that are mono.

again.loc[again["stereo_width"].isna(), "path"]

# %%
# And it is a table like any other.

figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
axes.scatter(again["spectral_centroid_mean"], again["onset_rate"])
for row in again.itertuples():
    where = (row.spectral_centroid_mean, row.onset_rate)
    axes.annotate(row.path.split("-")[0], where, xytext=(4, 4), textcoords="offset points")
axes.set(xlabel="spectral centroid [Hz]", ylabel="onsets per second")

# %%
# Before anything is learned from such a table, ask who is on both sides of the split: ``earmark
# evaluate features.parquet --labels labels.csv`` groups by artist, and prints beside its number
# what a random split would have said.
