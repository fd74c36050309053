"""The revisions of the store's schema, applied in order when a store is opened (alembic)."""
