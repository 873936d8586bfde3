"""``make reproduce``: the arms of the paper on tiny worlds, their curves, and yes, no or unresolved for its claims."""
