"""One archive of what people made, taken while the application runs, and put back elsewhere.

A zip file: `database/` has a file of JSON lines for each table; `media/`, `models/` and `datasets/`
have the images, the bundles of models that were made or brought here, and descriptions of classes
of people's own, as they are; `files.sha256` their digests as sha256sum reads them; `manifest.json`
says what must be there. Rows are written in no database's own format, so that what was on SQLite
can be put on PostgreSQL. Left out: sessions, the cache, SECRET_KEY, the bundles that come with the
application, and what an adaptation has come to, which begins anew.
"""

from classifier.backup.archive import Manifest, write
from classifier.backup.restoring import restore

__all__ = ["Manifest", "restore", "write"]
