"""The pieces that the pages of the app are drawn from."""
