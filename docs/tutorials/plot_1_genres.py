"""
Your library's genres
=====================

A folder of music becomes a genre for every track, with how sure that is, and why.
"""

# %%
# One pass over the files measures what the default model looks at: hand-made descriptors, and what
# the network musicnn hears. On the command line, ``earmark classify ~/Music -o genres.csv`` does
# all of this tutorial but the picture.

from pathlib import Path

import matplotlib.pyplot as plt

import earmark

MUSIC = Path("../../data/raw")  # the demo tracks; yours: Path("~/Music").expanduser()
table = earmark.table([MUSIC], set="default+musicnn")
table[["path", "tempo", "key", "mode", "energy", "valence"]].round(2)

# %%
# The model names the likeliest genres of each track.

model = earmark.load()
genres = model.predict(table, top=3)
genres.round(2)

# %%
# A probability below 0.3 is a guess: of music from elsewhere that the model was so unsure of, less
# than a third was right (the model's card says how it was measured). A picture shows at once which
# tracks deserve a second look.

figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
names = [Path(path).stem for path in genres["path"]]
bars = axes.barh(names, genres["probability"])
axes.bar_label(bars, genres["genre"], padding=3)
axes.axvline(0.3, color="0.5", linestyle=":")
axes.set(xlim=(0, 1.2), xlabel="probability of the first genre")
axes.invert_yaxis()

# %%
# What spoke for each, in families of descriptors: positive numbers speak for the genre, in log-odds
# over the average genre, and add up to how far it is ahead.

model.explain(table, by="families").round(2)

# %%
# Your own labels make a better model for your own music: see the guide on training.
