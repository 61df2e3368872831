"""What stands where keys were, once there are none: whoever reads it hears why, instead of signing or verifying with nothing."""

from __future__ import annotations

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
