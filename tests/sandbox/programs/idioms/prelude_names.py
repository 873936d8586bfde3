# class: idiom
# about: Uses without import what the judge's prelude provides, as many model answers do
# case: ["4 6\n", "2 [(2, 'ab')] 24 3 2 deque([1])"]
a, b = map(int, input().split())
counts = Counter(["ab", "ab"])
print(gcd(a, b), [(n, w) for w, n in counts.items()], factorial(4), bisect_left([1, 2, 3, 4], b - 2), reduce(lambda x, y: y, [1, 2]), deque([1]))
heap = [3, 1]
heapify(heap)
assert heappop(heap) == 1 and defaultdict(int)[0] == 0 and list(accumulate([1, 1])) == [1, 2] and inf > sqrt(4)
assert math.floor(2.5) == 2 and collections.OrderedDict and itertools.count and json.dumps([1]) == "[1]" and sys.maxsize
assert re.match("a", "a") and lru_cache and ascii_lowercase[0] == "a" and heapq.nsmallest(1, [2, 1]) == [1]
