"""What stands where keys were, once there are none: whoever reads it hears why, instead of signing or verifying with nothing."""

from __future__ import annotations

import secrets
from typing import Any, Callable, List, NoReturn

from .errors import NoKeys


class UnusableKeys(List[Any]):
    """An empty list of keys that raises NoKeys when it is read."""

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise NoKeys("There are no keys that may be used; see the log of keyturn.")

    __iter__: Callable[..., NoReturn] = _refuse
    __reversed__: Callable[..., NoReturn] = _refuse
    __getitem__: Callable[..., NoReturn] = _refuse
    __len__: Callable[..., NoReturn] = _refuse
    __bool__: Callable[..., NoReturn] = _refuse
    __contains__: Callable[..., NoReturn] = _refuse


class UnusableKey(str):
    """
    Stands for the one key where a text is expected and an empty one would break more than signing (Django's error pages read every setting).
    Raises NoKeys when it is turned into bytes or text. Its content, for code that reaches under that, is random: nobody can forge with it.
    """

    def __new__(cls) -> UnusableKey:
        return super().__new__(cls, secrets.token_urlsafe(48))

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise NoKeys("There are no keys that may be used; see the log of keyturn.")

    def __repr__(self) -> str:
        return "[no key]"

    __str__ = __format__ = encode = __getitem__ = __iter__ = __add__ = _refuse


class RefusingSession:
    """
    Stands for the session while there are no keys: neither reads as logged out nor takes anything. To be mixed with
    the framework's NullSession.
    Only Flask-Login's own mark, which it looks for after every request, is simply absent.
    """

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise NoKeys("The session cannot be used: there are no keys that may be used; see the log of keyturn.")

    def __contains__(self, name: object) -> bool:
        return False if name == "_remember" else self._refuse()

    def __setitem__(self, name: str, value: Any) -> None:
        return None if name == "_remember" else self._refuse()

    __getitem__ = __delitem__ = __iter__ = __len__ = __bool__ = _refuse
    get = keys = items = values = copy = pop = popitem = clear = setdefault = update = _refuse
