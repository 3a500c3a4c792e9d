"""Fitted estimates: tempo, beats, key and Spotify's values, with their data and cards."""
