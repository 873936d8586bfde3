from __future__ import annotations

import copy

import pytest

from policies.tiny_llama import make_tiny_llama
from sdpo_gym.policies.transformers import make


@pytest.fixture(scope="module")
def llama_directory(tmp_path_factory):
    return make_tiny_llama(tmp_path_factory.mktemp("llama"))


@pytest.fixture(scope="module")
def pristine(llama_directory):
    """A policy that no test changes; see ``fresh``."""
    return make(str(llama_directory), device="cpu")


@pytest.fixture
def fresh(pristine):
    """Makes policies with weights of their own, all alike."""

    def another():
        made = copy.copy(pristine)
        made.model = copy.deepcopy(pristine.model)
        return made

    return another
