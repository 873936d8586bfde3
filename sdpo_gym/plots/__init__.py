"""Pictures of runs: one column wide, readable in grey, as PNG and SVG. Nothing here is imported by anything else."""
