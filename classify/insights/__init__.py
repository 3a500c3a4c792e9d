"""Pictures and statistics of any table of tracks."""
