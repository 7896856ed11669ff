"""Waits until the panel answers: `probe.py URL SECONDS`. Standard library only, so it starts fast.

Ends with status 0 at the first answer of any kind, 1 when the time is over.
"""

from __future__ import annotations

import ssl
import sys
import time
import urllib.error
import urllib.request

PAUSE_SECONDS = 0.05
ANSWER_SECONDS = 10.0


def answers(url: str) -> bool:
    """Tell whether something speaks HTTP at `url`; what it says does not matter."""
    # Only whether it answers is asked, of our own child: its certificate may be self-signed.
    anyone = ssl._create_unverified_context()  # noqa: S323
    try:
        urllib.request.urlopen(url, timeout=ANSWER_SECONDS, context=anyone).close()  # noqa: S310
    except urllib.error.HTTPError as answer:
        answer.close()
    except OSError:
        return False
    return True


def main(url: str, seconds: float) -> int:
    """Ask again and again until there is an answer or `seconds` are over."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answers(url):
            return 0
        time.sleep(PAUSE_SECONDS)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], float(sys.argv[2])))
