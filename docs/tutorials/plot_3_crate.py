"""
A DJ's crate
============

Tempo, key and energy of every track, and an order in which they mix.
"""

# %%
# ``earmark tag`` writes tempo, key and energy to where DJ programs read them, and
# ``earmark playlist --order mix`` the order. Here is what they do.

import matplotlib.pyplot as plt

import earmark
from earmark.classify.library import mixing
from earmark.extract.key_names import camelot, compatible

crate = earmark.table(["../../data/raw"]).set_index("path")
crate["camelot"] = [camelot(*own) for own in crate[["key", "mode"]].itertuples(index=False)]
crate[["tempo", "tempo_confidence", "camelot", "energy", "danceability"]].round(2)

# %%
# Neighbours on the Camelot wheel go together: the same number, or one number away with the same
# letter.

compatible("8A", "9A"), compatible("8A", "8B"), compatible("8A", "10A")

# %%
# An order from tempo to tempo and from key to neighbouring key; half and double tempo are the same.

order = mixing.order(*(crate[name].to_numpy() for name in ("tempo", "key", "mode")))
mixed = crate.iloc[order]
mixed[["tempo", "camelot", "energy"]].round(2)

# %%

figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
axes.plot(range(len(mixed)), mixed["tempo"], "o-")
for place, row in enumerate(mixed.itertuples()):
    where = (place, row.tempo)
    axes.annotate(row.camelot, where, xytext=(4, 6), textcoords="offset points")
axes.set(xlabel="place in the playlist", ylabel="tempo [BPM]", xticks=range(len(mixed)))

# %%
# When in doubt about half or double, look at the second candidate and its confidence.

crate.filter(regex="^tempo(_2)?(_confidence)?$").round(2)
