"""What the app computes, in worker processes."""
