"""A loopback server of models and the page, as small as can be: its answers a test may compare."""

import http.server
import json
import re
import threading

from tfseq.serving.server.page import page

from ...fake_server import _HTTP, Backend, RefusalError, _rest_metadata, rest_predict

_PATH = re.compile(r"/v1/models/(?P<name>[^/:]+)(/versions/(?P<version>\d+))?(:predict|/metadata)")


class PageServer:
    """`backends` by name; other origins may ask too, as with TensorFlow Serving's option.

    `requests` holds (signature, inputs) of every prediction. `token`, if there is one, is asked
    for. `version` is the one version of every model.
    """

    def __init__(self, *backends: Backend, token: str = "", port: int = 0):
        self.backends = {backend.name: backend for backend in backends}
        self.requests, self.token, self.version = [], token, 1
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Head and body go together: in two parts the second waits for the first.
            wbufsize = 2**16

            def do_GET(self):
                if self.path.split("?")[0] == "/":
                    return self.reply(200, page().encode(), "text/html; charset=utf-8")
                return self.answer(server.get)

            def do_POST(self):
                data = self.rfile.read(int(self.headers["Content-Length"]))
                self.answer(lambda path: server.predict(path, data))

            def do_OPTIONS(self):
                self.reply(200, b"", "text/plain")

            def answer(self, work):
                try:
                    if server.token and self.headers["Authorization"] != f"Bearer {server.token}":
                        raise RefusalError("UNAUTHENTICATED", "a token is needed")
                    status, body = 200, work(self.path)
                except ConnectionError:
                    # As if nobody were here.
                    self.close_connection = True
                    return
                except RefusalError as refusal:
                    status, body = _HTTP[refusal.code], {"error": str(refusal)}
                self.reply(status, json.dumps(body).encode(), "application/json")

            def reply(self, status, data, kind):
                self.send_response(status)
                self.send_header("Access-Control-Allow-Origin", "*")
                self.send_header("Access-Control-Allow-Headers", "Content-Type, Authorization")
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def get(self, path):
        if path == "/v1/models":
            return {"object": "list", "data": [{"id": name} for name in self.backends]}
        backend = self.find(path)
        place = {"name": backend.name, "version": None, "label": None}
        answer = _rest_metadata(backend, place)
        answer["model_spec"]["version"] = str(self.version)
        return answer

    def predict(self, path, data):
        backend = self.find(path)
        body = json.loads(data)
        self.requests.append((body.get("signature_name", "serving_default"), body["inputs"]))
        backend.check_model(backend.name, None, None)
        return rest_predict(backend, data)

    def find(self, path):
        place = _PATH.fullmatch(path)
        known = place and place["name"] in self.backends
        if not known or place["version"] not in (None, str(self.version)):
            raise RefusalError("NOT_FOUND", f"Servable not found for request: {path}")
        return self.backends[place["name"]]

    def close(self):
        """Nobody is answered any more."""
        self._server.shutdown()
        self._server.server_close()
