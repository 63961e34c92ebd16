"""How static files are named when they are collected."""

from django.contrib.staticfiles.storage import ManifestStaticFilesStorage


class ModuleStaticFilesStorage(ManifestStaticFilesStorage):
    """Our scripts import each other by names that change with the content, as pages name them.

    Else a browser would load each module twice, and after an update some as they were before.
    Django's own switch for it would also look into the scripts of others, which import what they do
    not bring.
    """

    patterns = (
        *ManifestStaticFilesStorage.patterns,
        (
            "js/*.js",
            (
                (r"""(?P<matched>from "(?P<url>\.[^"]+)")""", 'from "%(url)s"'),
                (r"""(?P<matched>import "(?P<url>\.[^"]+)")""", 'import "%(url)s"'),
            ),
        ),
    )
