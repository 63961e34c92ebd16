"""The administrator's site of this project, in place of Django's own."""

from importlib import import_module

from django.contrib.admin.apps import AdminConfig


class DeskConfig(AdminConfig):
    default_site = "classifier.admin.site.DeskSite"

    def ready(self) -> None:
        super().ready()
        import_module("classifier.admin.lists")
