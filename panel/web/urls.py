"""Addresses of the pages."""

from __future__ import annotations

from django.urls import path, re_path
from django.views.generic import RedirectView

from panel.web import (
    account,
    actions,
    container,
    containers,
    create,
    images,
    limits,
    operations,
    palette,
    sign_in,
)

app_name = "web"

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="web:containers"), name="home"),
    path("sign-in/", sign_in.sign_in, name="sign-in"),
    path("sign-out/", sign_in.sign_out, name="sign-out"),
    path("login/<str:secret>", sign_in.login_link, name="login-link"),
    path("account/", account.account, name="account"),
    path("account/theme/", account.choose_theme, name="theme"),
    path("account/team/", account.choose_team, name="team"),
    path("palette/", palette.palette, name="palette"),
    path("containers/", containers.container_list, name="containers"),
    path("containers/new/", create.create, name="create"),
    path("containers/<str:container>/", container.overview, name="container"),
    path("containers/<str:container>/logs/", container.logs, name="container-logs"),
    path("containers/<str:container>/terminal/", container.terminal, name="container-terminal"),
    path("containers/<str:container>/processes/", container.processes, name="container-processes"),
    path(
        "containers/<str:container>/operations/", container.operations, name="container-operations"
    ),
    path("containers/<str:container>/remove/", container.confirm_delete, name="confirm-delete"),
    path("containers/<str:container>/name/", container.ask_name, name="ask-name"),
    path("containers/<str:container>/limits/", limits.change, name="change-limits"),
    re_path(
        r"^containers/(?P<container>[^/]+)/(?P<verb>start|stop|restart|rename|kill|pause|resume|delete)/$",
        actions.act,
        name="act",
    ),
    path("images/", images.image_list, name="images"),
    path("images/upload/", images.upload, name="upload"),
    path("images/<int:image>/delete/", images.delete, name="delete-image"),
    path("operations/", operations.operation_list, name="operations"),
    path("operations/<str:operation>/", operations.operation_detail, name="operation"),
    path("operations/<str:operation>/cancel/", operations.cancel, name="cancel"),
    path("operations/<str:operation>/dismiss/", operations.dismiss, name="dismiss"),
    path("operations/<str:operation>/toast/", operations.toast, name="toast"),
]
