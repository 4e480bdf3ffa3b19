# SPDX-License-Identifier: ISC
"""A web server for HTTPS alone, on a free port of loopback."""

import http.server
import threading


class Handler(http.server.BaseHTTPRequestHandler):

    def answer(self, posted=None):
        host = self.headers.get("Host", "").split(":")[0]
        web = self.server.web
        with web.changed:
            web.asked.append((host, self.path))
            if posted is not None:
                web.posted.append(
                    (host, self.path, dict(self.headers), posted))
            web.changed.notify_all()
        page = web.pages.get(
            (host, self.path), (404, "text/plain", "not here"))
        status, kind, body = page(posted, self.headers) if callable(
            page) else page
        data = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        self.answer()

    def do_POST(self):
        self.answer(self.rfile.read(int(self.headers["Content-Length"])))

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def finish_request(self, request, client_address):
        # In the connection's thread: nobody holds the others.
        try:
            with self.web.context.wrap_socket(
                    request, server_side=True) as wrapped:
                super().finish_request(wrapped, client_address)
        except OSError:
            pass


class Https:
    """pages: {(host, path): (status, type, text)}, or a function of what was
    posted and the headers that makes them; what was asked for and
    posted is kept."""

    def __init__(self, context):
        self.context = context
        self.pages = {}
        self.asked = []
        self.posted = []
        self.changed = threading.Condition()
        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.web = self
        self.address = "127.0.0.1:%d" % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever,
                         daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
