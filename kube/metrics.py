"""Metrics of requests, queues, watches and the event loop, under the names that client-go made common.

Labels are bounded: no object, no item.
"""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

_REQUEST_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_WORK_SECONDS = (0.0001, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60, 300)

REQUESTS = Counter(
    "rest_client_requests_total", "Answers of API servers by code; <error> where none came", ["code", "method", "host"]
)
REQUEST_SECONDS = Histogram(
    "rest_client_request_duration_seconds", "Time to an API server's answer", ["verb", "host"], buckets=_REQUEST_SECONDS
)

QUEUE_DEPTH = Gauge("workqueue_depth", "Keys that wait for a worker", ["name"])
QUEUE_ADDS = Counter("workqueue_adds_total", "Keys added, after merging equal ones", ["name"])
QUEUE_RETRIES = Counter("workqueue_retries_total", "Keys put back after a failure", ["name"])
QUEUE_WAIT_SECONDS = Histogram(
    "workqueue_queue_duration_seconds", "Time that a key waits for a worker", ["name"], buckets=_WORK_SECONDS
)
QUEUE_WORK_SECONDS = Histogram(
    "workqueue_work_duration_seconds", "Time that a worker takes for a key", ["name"], buckets=_WORK_SECONDS
)
QUEUE_UNFINISHED_SECONDS = Gauge(
    "workqueue_unfinished_work_seconds", "Sum of the ages of work in progress: grows when a worker is stuck", ["name"]
)
QUEUE_LONGEST_SECONDS = Gauge(
    "workqueue_longest_running_processor_seconds", "Age of the oldest work in progress", ["name"]
)

WATCH_ENDS = Counter("mcp_sync_watch_restarts_total", "Watches that ended, by why", ["kind", "reason"])
LISTS = Counter("mcp_sync_list_total", "Whole collections read, by how", ["kind", "how"])
LOOP_LAG_SECONDS = Gauge("mcp_sync_event_loop_lag_seconds", "How late the event loop last was")
