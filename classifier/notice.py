"""What every result, export and answer says of its use; for pages see `partials/research.html`."""

from typing import Final

NOTICE: Final = "Research use only, not for diagnosis."
