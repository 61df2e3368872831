"""Moto's HTTP server on a free port of 127.0.0.1, which it prints. One request at a time passes: moto itself checks and writes without a lock."""

import io
import threading

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple

moto = DomainDispatcherApplication(create_backend_app)
lock = threading.Lock()


def one_at_a_time(environ, start_response):
    # the body first, so that a caller who falls silent holds up nobody
    length = int(environ.get("CONTENT_LENGTH") or 0)
    environ["wsgi.input"] = io.BytesIO(environ["wsgi.input"].read(length))
    with lock:
        return list(moto(environ, start_response))


run_simple("127.0.0.1", 0, one_at_a_time, threaded=True)
