"""Tags of files: planned, written so that nothing can be lost, and undone.

`values` says what is known of a track, `fields` how each format holds it, `plan` what would change,
`write` changes it, `journal` holds what was there before, and `restore` brings it back.
"""
