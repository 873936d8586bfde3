"""Where data comes from: pinned hub files and local ones."""
