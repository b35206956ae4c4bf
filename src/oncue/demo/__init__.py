"""What the demonstrations need that no real operation does: simulated systems, and the stories told on them."""
