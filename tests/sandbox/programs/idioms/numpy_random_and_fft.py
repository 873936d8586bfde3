# class: idiom
# about: numpy's random numbers and Fourier transform
# case: ["3\n", "[1.0, 2.0, 1.0] True"]
import numpy as np

product = np.fft.irfft(np.fft.rfft([1, 1, 0, 0]) ** 2, 4)[: int(input())]
print([round(float(x), 6) + 0.0 for x in product], np.random.default_rng(1).random() < 1)
