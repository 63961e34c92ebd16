"""One archive of database and images, taken while the application runs, and put back elsewhere.

A zip file: `database/` has a file of JSON lines for each table, `media/` the images as they are,
`files.sha256` their digests as sha256sum reads them, and `manifest.json` says what must be there.
Rows are written in no database's own format, so that what was on SQLite can be put on PostgreSQL.
Left out: sessions, the cache, SECRET_KEY, and model bundles, which are not made by people's use.
"""

from classifier.backup.archive import Manifest, write
from classifier.backup.restoring import restore

__all__ = ["Manifest", "restore", "write"]
