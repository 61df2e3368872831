"""A service with the shape of Keyturn's API that says what a test teaches it, on 127.0.0.1 and a free port."""

import hashlib
import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOKEN = "keyturn_AAAAAAAAAAAA_" + "B" * 43 + "_CCCCCC"


def key_of(version):
    return hashlib.sha256(f"test key {version}".encode()).hexdigest()


def keys_answer(current=1, previous=(), following=None, lease=100, refresh=60, **keys):
    """`keys` gives other texts: k2="changeme". A previous version may be a pair (version, True): weak."""

    def item(version, date):
        number, weak = version if isinstance(version, tuple) else (version, False)
        mark = {"weak": True} if weak else {}
        return {"version": number, "key": keys.get(f"k{number}", key_of(number)), date: "2026-11-01T00:00:00.000Z", **mark}

    return {
        "name": "web",
        "revision": "r",
        "current": item(current, "activatesAt"),
        "previous": [item(version, "verifyUntil") for version in previous],
        "next": None if following is None else item(following, "activatesAt"),
        "refreshAfterSeconds": refresh,
        "leaseSeconds": lease,
    }


def problem(status, code):
    body = {
        "type": f"https://keyturn.dev/problems/{code}",
        "title": "A title",
        "status": status,
        "detail": "A detail.",
        "code": code,
        "requestId": "r",
    }
    return status, {"Content-Type": "application/problem+json; charset=utf-8"}, json.dumps(body)


class Request:
    def __init__(self, path, headers):
        self.path = path
        self.headers = headers
        self.etag = headers.get("If-None-Match")
        self.instance = headers.get("Keyturn-Instance")


class Service:
    """Serves `keys` with ETags unless `answer` (a function of the request) is set. `seen` are the requests."""

    def __init__(self, certificate=None, **keys):
        self.seen = []
        self.answer = None
        self.keys(**keys)
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                request = Request(self.path, self.headers)
                service.seen.append(request)
                try:
                    self.reply(*(service.answer or service.respond)(request))
                except (ConnectionError, ssl.SSLError):
                    pass

            def reply(self, status, headers, body):
                data = body if isinstance(body, bytes) else (body or "").encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if "Content-Length" not in headers:
                    self.send_header("Content-Length", str(len(data)))
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(data)
                self.close_connection = True

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self._server.server_address[1]
        self.url = f"{'https' if certificate else 'http'}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def keys(self, **keys):
        self.body = keys_answer(**keys)
        self.etag = '"%s"' % hashlib.sha256(json.dumps(self.body).encode()).hexdigest()[:16]

    def respond(self, request):
        headers = {
            "ETag": self.etag,
            "Keyturn-Lease": str(self.body["leaseSeconds"]),
            "Keyturn-Refresh": str(self.body["refreshAfterSeconds"]),
        }
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return problem(401, "unauthenticated")
        if request.etag == self.etag:
            return 304, headers, None
        return 200, {"Content-Type": "application/json; charset=utf-8", **headers}, json.dumps(self.body)

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
