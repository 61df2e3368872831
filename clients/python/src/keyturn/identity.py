"""The name of one process's client at the service: each process acknowledges for itself."""

from __future__ import annotations

import os
import re
import socket
from typing import Optional


def instance_id(base: Optional[str]) -> str:
    """`base` (default: the host's name), the process id and four random digits: workers that share a name would
    acknowledge for each other."""
    stem = re.sub(r"[^A-Za-z0-9._:@/-]", "-", base or socket.gethostname() or "host")[:100]
    return f"{stem}-{os.getpid()}-{os.urandom(2).hex()}"
