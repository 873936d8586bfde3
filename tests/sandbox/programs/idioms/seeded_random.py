# class: idiom
# about: Seeded random numbers
# case: ["7\n", "True 3 [1, 2, 3]"]
import random

random.seed(int(input()))
first = random.random()
random.seed(7)
numbers = [1, 2, 3]
random.shuffle(numbers)
print(first == random.Random(7).random(), len(random.sample(range(10), 3)), sorted(numbers))
assert random.randint(1, 1) == 1 and random.choice([4]) == 4 and random.getrandbits(8) < 256 and random.SystemRandom().random() < 1
