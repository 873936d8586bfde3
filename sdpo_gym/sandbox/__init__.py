"""Running strangers' programs: a pool of sandboxed interpreters that never learn the expected outputs."""
