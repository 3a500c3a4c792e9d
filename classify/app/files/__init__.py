"""Files that people name or upload: limited, checked, and kept for a session."""
