from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.http import HttpRequest

from .models import ApiToken, User

admin.site.register(User, UserAdmin)


@admin.register(ApiToken)
class ApiTokenAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Tokens are made here; the secret is shown once, after saving."""

    list_display = ("name", "user", "scopes", "created_at", "expires_at")
    fields = ("user", "name", "scopes", "expires_at")

    def has_change_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: ApiToken, form: object, change: bool) -> None:
        token, secret = ApiToken.issue(obj.user, obj.name, obj.scopes, obj.expires_at)
        obj.pk = token.pk
        self.message_user(request, f"The token, shown only now: {secret}", messages.WARNING)
