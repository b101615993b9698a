"""A server of REST with one signature, x -> 2x, which does what a test asks for."""

import contextlib
import http.server
import json
import subprocess
import threading

SHAPE = {"dim": [{"size": "-1", "name": ""}], "unknown_rank": False}
METADATA = {
    side: {name: {"dtype": "DT_FLOAT", "tensor_shape": SHAPE, "name": f"{name}:0"}}
    for side, name in (("inputs", "x"), ("outputs", "y"))
}


class SmallServer(http.server.ThreadingHTTPServer):
    """Counts connections, and keeps the path, headers and body of every request.

    Attributes:
        answer: a test's own `answer(handler, path)`; it returns whether it has answered.
        hang_up: whether a connection is ended, unsaid, after each answer.
    """

    daemon_threads = True

    def __init__(self, tls=None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.tls, self.connections, self.seen = tls, 0, []
        self.answer, self.hang_up = None, False

    @property
    def address(self):
        return f"127.0.0.1:{self.server_port}"

    def get_request(self):
        connection, peer = super().get_request()
        self.connections += 1
        return connection, peer

    def finish_request(self, request, client_address):
        if self.tls is None:
            super().finish_request(request, client_address)
            return
        request.settimeout(5)
        with self.tls.wrap_socket(request, server_side=True) as secured:
            super().finish_request(secured, client_address)

    def handle_error(self, request, client_address):
        """What a client that leaves does to a server is not for the test's output."""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.reply(200, {"metadata": {"signature_def": {"signature_def": {"double": METADATA}}}})

    def do_POST(self):
        x = json.loads(self.body)["inputs"]["x"]
        self.reply(200, {"outputs": [2 * value for value in x]})

    def parse_request(self):
        parsed = super().parse_request()
        if parsed:
            self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.server.seen.append((self.path, dict(self.headers), self.body))
            if self.server.answer is not None and self.server.answer(self, self.path):
                return False
        return parsed

    def reply(self, status, body):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        self.close_connection = self.close_connection or self.server.hang_up

    def log_message(self, *args):
        pass


@contextlib.contextmanager
def small_server(tls=None):
    server = SmallServer(tls)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def make_certificates(directory):
    """`ca.pem`, and `server.pem`, `client.pem` with their `.key`, which it has signed."""

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True)

    new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "9"]
    openssl("req", "-x509", *new, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=ours")
    for name in ("server", "client"):
        (directory / "names").write_text("subjectAltName=IP:127.0.0.1\n")
        openssl("req", *new[:-2], "-keyout", f"{name}.key", "-out", "csr", "-subj", f"/CN={name}")
        openssl("x509", "-req", "-in", "csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "9",
                "-CAcreateserial", "-extfile", "names", "-out", f"{name}.pem")  # fmt: skip
