"""The visitor's own page, their theme, and the team they work in."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from panel.accounts import sessions
from panel.accounts.actors import Actor, for_user
from panel.accounts.models import Membership, Token
from panel.web import frame
from panel.web.visit import member, page

COOKIE_SECONDS = 365 * 86_400


@require_GET
@member
def account(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Show who one is, one's teams and tokens, and the choice of theme."""
    memberships = Membership.objects.filter(user_id=actor.user_id).select_related("team")
    tokens = Token.objects.filter(user_id=actor.user_id).select_related("team")
    context = {
        "memberships": memberships.order_by("team__slug"),
        "tokens": tokens.order_by("-created"),
        "themes": ("auto", *frame.THEMES),
    }
    return page(request, actor, "account/account.html", context)


@require_POST
@member
def choose_theme(request: HttpRequest, _actor: Actor) -> HttpResponse:
    """Keep the theme in a cookie; auto means the system's."""
    chosen = request.POST.get("theme", "auto")
    answer = HttpResponseRedirect(reverse("web:account"))
    known = chosen if chosen in frame.THEMES else "auto"
    answer.set_cookie(
        "theme", known, max_age=COOKIE_SECONDS, samesite="Lax", secure=request.is_secure()
    )
    return answer


@require_POST
@member
def choose_team(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Make another of the visitor's teams the current one."""
    wanted = request.POST.get("team", "")
    if for_user(actor.user_id, wanted) is None:
        raise Http404("no such team")
    request.session[sessions.TEAM] = wanted
    return HttpResponseRedirect(reverse("web:containers"))
