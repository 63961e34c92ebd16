from django.apps import AppConfig


class ClassifierConfig(AppConfig):
    name = "classifier"
    verbose_name = "Classification"

    def ready(self) -> None:
        from classifier import checks  # noqa: F401  (registers the checks)
        from classifier.audit import signals  # noqa: F401  (registers the receivers)
