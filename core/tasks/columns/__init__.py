"""From a table to examples: which columns play which role for each task, and how their cells are read."""
