"""Policies: what answers a chat (replayed files, scripts, local models, servers)."""
