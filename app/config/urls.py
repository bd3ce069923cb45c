"""Every URL that web answers to."""

from django.contrib import admin
from django.urls import include, path, re_path

from config.problems import no_such_path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("health/", include("ops.urls")),
    path("api/v1/", include("jobs.api.urls")),
    path("api/v1/", include("schedules.api.urls")),
    re_path(r"^(?:api|health)/", no_such_path),
]

handler400 = "config.problems.bad_request"
handler403 = "config.problems.forbidden"
handler404 = "config.problems.not_found"
handler500 = "config.problems.server_error"
