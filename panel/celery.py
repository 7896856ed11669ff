"""The Celery application. A message is only a doorbell that carries an operation's id."""

from __future__ import annotations

import os
import warnings

import billiard.pool
from celery import Celery
from celery.exceptions import SecurityWarning
from celery.signals import setup_logging

from panel import broker

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "panel.settings")

from django.conf import settings  # the line above must come first

# The workers are the part of the platform that is root on purpose; what protects them is that a
# message is JSON, names one task, and carries nothing but an id.
warnings.filterwarnings("ignore", message="(?s).*superuser privileges", category=SecurityWarning)

# A pool child that leaves waits for its parent to have read its last results, up to 300 times a
# tenth of a second, and a parent that shuts down may read no more. No result is ever sent here.
billiard.pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT = 5

DAY_SECONDS = 86_400

app = Celery(
    "moorage", include=["panel.worker.tasks", "panel.worker.heartbeat"], set_as_current=False
)
app.conf.update(
    broker_url=broker.celery_url(settings.REDIS_URL),
    result_backend=None,
    task_ignore_result=True,
    task_serializer="json",
    accept_content=["json"],
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_store_eager_result=False,
    worker_prefetch_multiplier=1,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    worker_hijack_root_logger=False,
    worker_send_task_events=False,
    worker_enable_remote_control=False,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_transport_options={
        "global_keyprefix": broker.PREFIX,
        "socket_keepalive": True,
        "health_check_interval": 10,
        "socket_timeout": 10,
        "socket_connect_timeout": 2,
        "retry_on_timeout": True,
        "visibility_timeout": DAY_SECONDS,
        "unacked_restore_interval": 10,
        "unacked_restore_throttle": 1,
        "max_retries": 1,
        "interval_start": 0,
        "interval_step": 0.1,
        "interval_max": 0.2,
    },
    # The rows are the truth and the reconciler rings again, so a publisher gives up at once.
    task_publish_retry=False,
    # Connections live across tasks; the task itself drops dead ones (close_old_connections).
    db_reuse_max=1_000_000,
    worker_soft_shutdown_timeout=5.0,
    task_create_missing_queues=True,
)


@setup_logging.connect(weak=False)
def keep_logging(**_: object) -> None:
    """Leave logging as Django's settings made it."""


def queue(node: str, pool: str) -> str:
    """Return the queue of `pool` (fast or bulk) on `node`."""
    return f"node.{node}.{pool}"
