"""Items are found by their row: labels that were made elsewhere name rows."""

from alembic import op

revision = "r0002"
down_revision = "r0001"


def upgrade() -> None:
    """Add the index."""
    op.create_index("items_row", "items", ["round", "row"])
