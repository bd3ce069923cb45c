"""The paths of the API, below /api/v1/."""

from django.urls import path

from .views import ScheduleListView, ScheduleView

app_name = "schedules"

urlpatterns = [
    path("schedules", ScheduleListView.as_view(), name="schedules"),
    path("schedules/<int:schedule_id>", ScheduleView.as_view(), name="schedule"),
]
