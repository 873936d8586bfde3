"""The parts of the training loop; :mod:`sdpo_gym.train` is its door."""
