"""Icons, signs, spans and sizes in templates; each a thin door to a pure function."""

from __future__ import annotations

import shlex
from datetime import datetime
from typing import Any

from django import template
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from panel.inventory.models import Container
from panel.operations import kinds
from panel.operations.models import UNFINISHED, Operation, Status
from panel.web import quantities, words

register = template.Library()


@register.simple_tag
def icon(name: str, classes: str = "icon") -> SafeString:
    """Draw a symbol of the sprite; it is decoration, its neighbour says it in words."""
    return format_html(
        '<svg class="{}" aria-hidden="true"><use href="{}#{}"/></svg>',
        classes,
        static("img/sprite.svg"),
        name,
    )


@register.simple_tag
def sign(container: Container, doing: str = "") -> SafeString:
    """Draw a container's state as shape, word and colour."""
    return _status(
        words.container_sign(
            container.state,
            container.exit_code,
            oom_killed=container.oom_killed,
            doing=doing,
            health=container.health,
        )
    )


@register.simple_tag
def status(operation: Operation) -> SafeString:
    """Draw an operation's status as shape, word and colour."""
    if operation.cancel_requested and operation.status in UNFINISHED:
        return _status(words.Sign("s-starting", "Being cancelled", "warn"))
    return _status(words.STATUSES.get(operation.status, words.Sign("s-queued", operation.status)))


@register.filter
def verb_name(kind: str) -> str:
    """Name a kind of operation."""
    return words.verb(kind).name


@register.filter
def verb_doing(kind: str) -> str:
    """Name a kind of operation while it runs."""
    return words.verb(kind).doing


@register.filter
def reason(operation: Operation) -> str:
    """Say why an operation failed."""
    return words.reason(operation.error)


@register.filter
def way_out(operation: Operation) -> str:
    """Say what can be done about it."""
    return words.way_out(operation.error)


@register.filter
def unfinished(operation: Operation) -> bool:
    """Say whether an operation is still to end."""
    return operation.status in UNFINISHED


@register.filter
def cancellable(operation: Operation) -> bool:
    """Say whether asking an operation to stop can do something."""
    if operation.cancel_requested or operation.status not in UNFINISHED:
        return False
    return operation.status == Status.QUEUED or kinds.find(operation.kind).cancellable


@register.filter
def took(operation: Operation) -> str:
    """Say how long an operation has run, or ran."""
    return quantities.between(operation.started, operation.finished or timezone.now())


@register.filter
def up_time(container: Container) -> str:
    """Say how long a running container has been up."""
    return quantities.between(container.started, timezone.now())


@register.filter
def ago(moment: datetime | None) -> str:
    """Say how long ago something was."""
    return f"{quantities.between(moment, timezone.now())} ago" if moment else ""


@register.filter
def clock(moment: datetime | None) -> str:
    """Write a moment's time of day to the millisecond."""
    return moment.strftime("%H:%M:%S.%f")[:-3] if moment else ""


@register.filter
def size(count: int | None) -> str:
    """Write bytes with a unit."""
    return quantities.size(count)


@register.filter
def familiar(reference: str) -> str:
    """Write an image reference without what goes without saying."""
    return words.familiar(reference)


@register.filter
def cores(count: float | None) -> str:
    """Write CPUs with their unit."""
    return f"{count or 0:g} core{'' if count == 1 else 's'}"


@register.filter
def spaced(name: str) -> str:
    """Write a field's name as words."""
    return name.replace("_", " ")


@register.filter
def command_line(arguments: list[str] | None) -> str:
    """Write an argument list as a shell would want it."""
    return shlex.join(arguments or [])


@register.filter
def share(progress: dict[str, Any] | None) -> int | None:
    """Return how much of an operation is done in percent, where a count is known."""
    if not progress or not progress.get("total") or progress.get("done") is None:
        return None
    return max(0, min(100, round(100 * int(progress["done"]) / int(progress["total"]))))


@register.filter
def step(progress: dict[str, Any] | None) -> str:
    """Write an operation's step as `2 of 4: unpack layers`."""
    if not progress:
        return ""
    steps = int(progress.get("steps") or 1)
    name = str(progress.get("name", ""))
    return f"Step {progress.get('step')} of {steps}: {name}" if steps > 1 else name.capitalize()


@register.filter
def counted(progress: dict[str, Any] | None) -> str:
    """Write what is done of what there is: `118 of 152 MiB`."""
    if not progress or progress.get("done") is None:
        return ""
    done, total = int(progress["done"]), progress.get("total")
    if progress.get("unit", "bytes") != "bytes":
        return f"{done} of {total}" if total else str(done)
    return f"{size(done)} of {size(int(total))}" if total else size(done)


def _status(shown: words.Sign) -> SafeString:
    return format_html(
        '<span class="status {}">{}{}</span>', shown.colour, icon(shown.shape), shown.word
    )
