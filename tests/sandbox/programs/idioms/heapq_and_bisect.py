# class: idiom
# about: Heaps and bisection
# case: ["5 1 4 1 3\n", "1 1 3 4 5\n2 2\n[5, 4]"]
import bisect
import heapq

numbers = list(map(int, input().split()))
heap = numbers[:]
heapq.heapify(heap)
ordered = [heapq.heappop(heap) for _ in range(len(heap))]
print(*ordered)
bisect.insort(ordered, 2)
print(bisect.bisect_left(ordered, 2), ordered[bisect.bisect(ordered, 1)])
print(heapq.nlargest(2, numbers))
