"""Who invited whom: two accounts that sign a waiver may be one person's, who let the other in."""

import sqlalchemy as sa
from alembic import op

revision = "r0003"
down_revision = "r0002"


def upgrade() -> None:
    """Add the column; of whoever is there already it is not known."""
    op.add_column("people", sa.Column("invited_by", sa.Text(), nullable=True))
