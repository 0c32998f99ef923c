#!/usr/bin/env python3
"""A worker for Millrace that needs nothing but Python: put your work into `work`, and run it beside your GPU.

    MILLRACE_URL=http://127.0.0.1:8080 MILLRACE_API_KEY=... python3 examples/worker.py gpu:0 gpu:1

It takes as many tasks as it can run, keeps their leases, hands in what becomes of them until the server has it, stops
work on tasks that were cancelled, and ends on SIGTERM or Ctrl-C when what it has begun is done.
"""
import itertools
import json
import os
import random
import signal
import socket
import sys
import threading
import time
import urllib.error
import urllib.request

URL = os.environ.get("MILLRACE_URL", "http://127.0.0.1:8080")
KEY = os.environ["MILLRACE_API_KEY"]
LANES = sys.argv[1:]
CAPACITY = 4
WORKER = {"id": f"{socket.gethostname()}-{os.getpid()}", "capacity": CAPACITY}
WAIT_SECONDS = 5  # for a task, in one request; also how long it takes to stop when there is nothing to do
LEASE_SECONDS = 60  # how long a task stays ours when this program is not heard of any more


def work(task, lost, progress):
    """Your work. Returns the body of the answer: anything that is JSON. An exception has the task tried again.

    `lost.is_set()` says that nobody wants the answer any more. `progress(data)` sends an event to whoever streams the task.
    """
    return {"words": len(task["data"]["text"].split())}


class Refused(Exception):
    """The server will not have this request, however often it is made."""

    def __init__(self, status, message):
        super().__init__(f"{status}: {message}")
        self.status = status


def ask(path, body, timeout=30):
    """The server's answer. Asks again while it is away."""
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{URL}/v1/queue/{path}", json.dumps(body).encode(), headers)
    for failures in itertools.count(1):
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code not in (408, 429) and error.code < 500:
                raise Refused(error.code, error.read().decode(errors="replace")) from None
        except OSError:
            pass  # it is away, and comes back
        time.sleep(min(10, 0.1 * 2 ** min(failures, 10)) * random.uniform(0.5, 1))


class Worker:
    def __init__(self):
        self.changed = threading.Condition()
        self.held = {}  # task id -> (lease token, event that says that it is lost)
        self.is_stopping = False

    def stop(self, *_):
        self.is_stopping = True

    def run(self):
        threading.Thread(target=self.keep_leases, daemon=True).start()
        while not self.is_stopping:
            with self.changed:
                self.changed.wait_for(lambda: len(self.held) < CAPACITY)
                room = CAPACITY - len(self.held)
            for task in self.take(room):
                lost = threading.Event()
                with self.changed:
                    self.held[task["task_id"]] = (task["lease_token"], lost)
                threading.Thread(target=self.run_task, args=(task, lost)).start()
        with self.changed:
            self.changed.wait_for(lambda: not self.held)

    def take(self, size):
        request = {"queues": LANES, "size": size, "strategy": "active_passive", "wait_seconds": WAIT_SECONDS}
        request.update(process_timeout=LEASE_SECONDS, lease_end="retry", worker=WORKER)
        return [task for tasks in ask("take", request, WAIT_SECONDS + 30).values() for task in tasks]

    def run_task(self, task, lost):
        token, path = {"lease_token": task["lease_token"]}, task["task_id"]
        try:
            try:
                body = work(task, lost, lambda data: ask(f"{path}/progress", {**token, "event_data": data}))
                ask(f"{path}/complete", {**token, "status_code": 200, "body": body})
            except Refused:
                raise
            except Exception as error:
                if not lost.is_set():
                    ask(f"{path}/fail", {**token, "error": {"message": f"{type(error).__name__}: {error}"}})
        except Refused as refusal:
            if refusal.status != 409:  # 409: the lease was lost, and the task is somebody else's now
                print(f"{path}: {refusal}", file=sys.stderr)
        finally:
            with self.changed:
                self.held.pop(path, None)
                self.changed.notify_all()

    def keep_leases(self):
        while True:
            time.sleep(LEASE_SECONDS / 3)
            with self.changed:
                held = dict(self.held)
            if held:
                leases = [{"task_id": task_id, "lease_token": token} for task_id, (token, _) in held.items()]
                for task_id in ask("heartbeat", {"worker": WORKER, "leases": leases})["gone"]:
                    held[task_id][1].set()


if __name__ == "__main__":
    worker = Worker()
    signal.signal(signal.SIGTERM, worker.stop)
    signal.signal(signal.SIGINT, worker.stop)
    worker.run()
