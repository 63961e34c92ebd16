"""What every result, export and answer says of its use; pages have it in `partials/research.html`."""

from typing import Final

NOTICE: Final = "Research use only, not for diagnosis."
