"""Where models and data come from: their names, and what stands behind each."""
