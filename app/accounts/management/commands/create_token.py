"""Make an API token, and its user where there is none."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from accounts.models import ApiToken, Scope, User


class Command(BaseCommand):
    help = "Make an API token for a user, who is created without a password if need be, and print it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--name", default="command line", help="what uses the token")
        parser.add_argument("--scope", action="append", choices=list(Scope.values), help="default: every scope")

    def handle(self, *args: Any, **options: Any) -> str:
        user, created = User.objects.get_or_create(username=options["username"])
        if created:
            user.set_unusable_password()
            user.save(update_fields=["password"])
        _, secret = ApiToken.issue(user, options["name"], options["scope"])
        return secret
