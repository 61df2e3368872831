from __future__ import annotations

import importlib


def threads_run() -> bool:
    """uWSGI without enable-threads does not run threads of the application. Its module exists inside its workers only."""
    try:
        options = importlib.import_module("uwsgi").opt
    except (ImportError, AttributeError):
        return True
    return any(options.get(name) or options.get(name.encode()) for name in ("enable-threads", "threads"))
