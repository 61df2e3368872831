import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2] / "src")]

import pytest
from keyturn import KeyringClient, Unavailable
from support.service import TOKEN, Service, key_of


class Keyring:
    """A keyring that a test turns, and the client that follows it."""

    def __init__(self, service):
        self.service = service
        self.client = KeyringClient("web", url=service.url, token=TOKEN, background=False)

    def turn(self, **keys):
        self.service.keys(lease=1000, refresh=600, **keys)
        assert self.client.refresh()

    def lose(self):
        """As if the lease had ended."""
        self.service.answer = lambda _: (503, {}, "")
        held = self.client._ring.held
        self.client._ring.held = held.renewed(60, 1, 0.0, 0.0)
        self.client._ring.fail(Unavailable("It is lost."))

    def find(self):
        self.service.answer = None
        assert self.client.refresh()


@pytest.fixture
def keyring():
    with Service(lease=1000, refresh=600, current=1) as service:
        yield Keyring(service)


@pytest.fixture
def key():
    return key_of
