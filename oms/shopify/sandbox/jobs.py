"""The store's own background work: cancel jobs finish a moment after they were answered."""

import threading

from oms.shopify.sandbox.order_cancel import finish_cancel


class CancelJobs:
    """Looks for unfinished jobs; after a restart it finds them in the store."""

    def __init__(self, sandbox, seconds):
        self.sandbox = sandbox
        self.seconds = seconds
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.work, name="cancel-jobs", daemon=True)

    def start(self):
        self.thread.start()

    def stop(self):
        self.stopping.set()
        self.thread.join(5)

    def work(self):
        while not self.stopping.wait(self.seconds):
            self.finish_all()

    def finish_all(self):
        """Every open job, now."""
        store = self.sandbox.store
        context = self.sandbox.engine.context()
        for job in [each for each in store.all("Job") if not each["done"]]:
            with store.transaction():
                finish_cancel(context, job)
