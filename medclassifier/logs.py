"""What each log line says of where it comes from."""

import logging

from classifier import origin


class OriginFilter(logging.Filter):
    """Adds the ids of request and task, so that one search finds all lines about either."""

    def filter(self, record: logging.LogRecord) -> bool:
        source = origin.current()
        record.request_id, record.task_id = source.request_id, source.task_id
        return True
