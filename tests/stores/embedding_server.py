"""A server on this machine that speaks the embedding APIs of OpenAI and Ollama."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "sk-very-secret"
Answer = tuple[int, dict[str, str], Any]


def vector_of(text: str) -> list[float]:
    return [float(len(text)), 1.0, float(text.count("a"))]


class Server:
    """Speaks OpenAI's and Ollama's embedding API; can be told to misbehave."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.misbehave: Callable[[int], Answer | None] = lambda number: None
        self.hang_up = False
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:  # the name is the library's
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.requests.append((self.path, dict(self.headers), body))
                if outer.hang_up:
                    self.close_connection = True
                    return
                answer = outer.misbehave(len(outer.requests))
                status, headers, content = answer or (200, {}, outer.answer(self.path, body))
                data = content if isinstance(content, bytes) else json.dumps(content).encode()
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(data))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args: object) -> None:
                """Says nothing."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"

    def answer(self, path: str, body: dict[str, Any]) -> Any:
        vectors = [vector_of(text) for text in body["input"]]
        if path.endswith("/api/embed"):
            return {"model": body["model"], "embeddings": vectors}
        data = [{"index": i, "embedding": v, "object": "embedding"} for i, v in enumerate(vectors)]
        return {"data": data[::-1], "model": body["model"]}  # the order is said by `index`

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()
