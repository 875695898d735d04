"""Takes webhooks on port 9000, and believes those that are signed with the key in the file it is given."""

import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from standardwebhooks import Webhook, WebhookVerificationError

signed = Webhook(Path(sys.argv[1]).read_text().strip())
seen = set()  # keep it where it outlives this process


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            told = signed.verify(body, dict(self.headers))
        except WebhookVerificationError:
            self.answer(401)
            return
        if self.headers["Webhook-Id"] not in seen:  # it may come twice
            seen.add(self.headers["Webhook-Id"])
            print(told["type"], told["data"]["job_id"], flush=True)
        self.answer(204)

    def answer(self, status):
        self.send_response(status)
        self.end_headers()


if __name__ == "__main__":
    HTTPServer(("127.0.0.1", int(sys.argv[2]) if sys.argv[2:] else 9000), Receiver).serve_forever()
