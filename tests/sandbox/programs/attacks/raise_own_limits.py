# class: escape
# about: Raises its own limits
# goal: forbidden
# want: runtime_error wrong_answer signal memory_limit
# case: ["1\n", "never"]
import resource

for name in ("RLIMIT_AS", "RLIMIT_FSIZE", "RLIMIT_CPU", "RLIMIT_NOFILE"):
    soft, hard = resource.getrlimit(getattr(resource, name))
    limit = hard if hard != resource.RLIM_INFINITY else 1 << 62
    resource.setrlimit(getattr(resource, name), (limit, hard))
kept = b"x" * (420 << 20)
print("PW" + "NED", len(kept))
