"""Send a message and wait for the outcome: `python3 send.py MESSAGE NUMBER…`. Only the standard library."""

import json
import os
import sys
import urllib.error
import urllib.request
import uuid

URL = os.environ.get("WASENDER_URL", "http://localhost:8080")
KEY = os.environ["WASENDER_KEY"]


def call(method, path, body=None, headers=None):
    """The answer's JSON (None for 304) and its headers; an error says what to do."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(URL + path, data, method=method)
    given = {"X-API-KEY": KEY, "Content-Type": "application/json", **(headers or {})}
    for name, value in given.items():
        request.add_header(name, value)
    try:
        with urllib.request.urlopen(request, timeout=90) as answer:
            return json.load(answer), answer.headers
    except urllib.error.HTTPError as error:
        if error.code == 304:
            return None, error.headers
        problem = json.load(error)
        sys.exit(f"{problem['code']}: {problem['detail']}")


def send(message, numbers):
    """Queue it; a repeat with the same key after a broken connection sends nothing again."""
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    for _ in range(3):
        try:
            return call("POST", "/send", {"message": message, "numbers": numbers}, headers)[0]
        except urllib.error.URLError as error:
            print(f"again: {error.reason}", file=sys.stderr)
    sys.exit(f"{URL} does not answer")


def wait(job_id):
    """The job when it is over. Each request is answered when something has changed, or after 30 seconds."""
    tag = None
    while True:
        headers = {"If-None-Match": tag} if tag else {}
        job, answered = call("GET", f"/jobs/{job_id}" + ("?wait=30" if tag else ""), headers=headers)
        tag = answered["ETag"]
        if job:
            print(f"{job['status']}: {job['sent'] + job['delivered'] + job['read']} of {job['total']}", file=sys.stderr)
            if job["status"] in ("completed", "stopped"):
                return job


if __name__ == "__main__":
    queued = send(sys.argv[1], sys.argv[2:])
    for row in queued["rejected"]:
        print(f"{row['value']}: {row['reason']}", file=sys.stderr)
    over = wait(queued["job_id"])
    print(json.dumps(over))
    sys.exit(over["status"] != "completed" or over["failed"] + over["uncertain"] > 0)
