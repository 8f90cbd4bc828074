"""Sends webhooks: signed, with a deadline, retried, by a few threads with kept connections."""

import base64
import hashlib
import heapq
import hmac
import http.client
import json
import random
import threading
import time
from urllib.parse import urlsplit

DEADLINE_SECONDS = 5
# Eight retries over four hours.
RETRY_SECONDS = (60, 120, 240, 480, 960, 1920, 3840, 6780)


def signature(secret, body):
    """base64(HMAC-SHA256(client secret, raw body))."""
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


class Deliverer:
    """Takes delivery rows off a heap by time and number; a row is gone once it was accepted.

    `time_factor` compresses the waits: 60 lets a minute pass in a second.
    """

    def __init__(self, store, faults, time_factor=1.0, threads=6):
        self.store = store
        self.faults = faults
        self.time_factor = time_factor
        self.heap = []
        self.wake = threading.Condition()
        self.stopping = False
        self.delivered = self.failed = self.dropped = self.busy = 0
        self.random = random.Random(17)
        rows = store.db.execute(
            "select id, subscription_id, topic, headers, body, attempts from delivery order by id"
        ).fetchall()
        self.queue(rows)
        self.threads = [
            threading.Thread(target=self.work, name=f"webhooks-{n}", daemon=True)
            for n in range(threads)
        ]
        for thread in self.threads:
            thread.start()

    def queue(self, rows, delay=0.0):
        """Rows of the delivery table, just written or found at the start."""
        now = time.monotonic()
        with self.wake:
            for number, subscription_id, topic, headers, body, *attempts in rows:
                wait = delay
                if self.faults.take("late_webhooks"):
                    wait += self.faults.setting("late_webhooks", "seconds", 2)
                if self.faults.active("shuffle_webhooks"):
                    wait += self.random.random() * self.faults.setting(
                        "shuffle_webhooks", "seconds", 2
                    )
                job = Job(number, subscription_id, topic, headers, body, *attempts)
                heapq.heappush(self.heap, (now + wait, number, job))
            self.wake.notify_all()

    def pending(self):
        with self.wake:
            return len(self.heap) + self.busy

    def stop(self):
        with self.wake:
            self.stopping = True
            self.wake.notify_all()
        for thread in self.threads:
            thread.join(DEADLINE_SECONDS + 1)

    def clear(self):
        with self.wake:
            self.heap.clear()

    def work(self):
        connections: dict = {}
        while (job := self.next_job()) is not None:
            try:
                self.deliver(job, connections)
            finally:
                with self.wake:
                    self.busy -= 1
        for connection in connections.values():
            connection.close()

    def next_job(self):
        with self.wake:
            while not self.stopping:
                now = time.monotonic()
                if self.heap and self.heap[0][0] <= now:
                    self.busy += 1
                    return heapq.heappop(self.heap)[2]
                self.wake.wait(self.heap[0][0] - now if self.heap else None)
        return None

    def deliver(self, job, connections):
        subscription = self.store.get("WebhookSubscription", job.subscription_id)
        if subscription is None:
            self.forget(job)
            return
        if self.faults.take("drop_webhooks"):
            self.dropped += 1
            self.forget(job)
            return
        times = 2 if self.faults.take("duplicate_webhooks") else 1
        accepted = [self.send(job, subscription, connections) for _ in range(times)][-1]
        if accepted:
            self.delivered += 1
            self.forget(job)
        else:
            self.fail(job, subscription)

    def send(self, job, subscription, connections):
        secret = self.store.meta["shop"]["secret"]
        if self.faults.take("bad_signature"):
            secret += "-forged"
        headers = job.headers | {
            "Content-Type": "application/json",
            "User-Agent": "Shopify-Captain-Hook",
            "X-Shopify-Hmac-Sha256": signature(secret, job.body),
        }
        url = urlsplit(subscription["uri"])
        target = url.path + (f"?{url.query}" if url.query else "")
        for fresh in (False, True):
            connection = connections.get(url.netloc)
            if fresh or connection is None:
                connection = connect(url)
                connections[url.netloc] = connection
                fresh = True
            try:
                connection.request("POST", target or "/", job.body, headers)
                response = connection.getresponse()
                response.read()
                return 200 <= response.status < 300
            except (OSError, http.client.HTTPException):
                connection.close()
                connections.pop(url.netloc, None)
                if fresh:  # a kept connection may have died of old age: one more try
                    return False
        return False

    def fail(self, job, subscription):
        """Waits for the next retry; after the last one the subscription itself goes."""
        self.failed += 1
        if job.attempts >= len(RETRY_SECONDS):
            with self.store.transaction():
                self.store.remove(subscription)
            with self.store.lock:
                self.store.db.execute(
                    "delete from delivery where subscription_id = ?", (subscription["id"],)
                )
            with self.wake:
                self.heap = [
                    row for row in self.heap if row[2].subscription_id != subscription["id"]
                ]
                heapq.heapify(self.heap)
            return
        wait = RETRY_SECONDS[job.attempts] / self.time_factor
        job.attempts += 1
        with self.store.lock:
            self.store.db.execute(
                "update delivery set attempts = ? where id = ?", (job.attempts, job.number)
            )
        with self.wake:
            heapq.heappush(self.heap, (time.monotonic() + wait, job.number, job))
            self.wake.notify_all()

    def forget(self, job):
        with self.store.lock:
            self.store.db.execute("delete from delivery where id = ?", (job.number,))


class Job:
    """One delivery: body, headers and webhook id stay the same over its retries."""

    def __init__(self, number, subscription_id, topic, headers, body, attempts=0):
        self.number = number
        self.subscription_id = subscription_id
        self.topic = topic
        self.headers = json.loads(headers)
        self.body = body
        self.attempts = attempts


def connect(url):
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    return kind(url.hostname, url.port, timeout=DEADLINE_SECONDS)
