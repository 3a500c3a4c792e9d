"""A library of tracks: search, similar tracks, playlists, tags, a map."""
