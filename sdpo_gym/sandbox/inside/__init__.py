"""What runs on the far side: the zygote, its supervisors and the programs. Standard library only, nothing of ours.

These files are copied into the runtime image and started there; on this side only :mod:`.wire` is imported.
"""
