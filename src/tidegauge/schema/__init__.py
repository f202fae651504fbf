"""The canonical tables: declared once, and everything that follows from them."""

from tidegauge.schema.derive import arrow_schema, column_label, ddl, docs_page, key, polars_schema
from tidegauge.schema.tables import DATA_TABLES, ENTITY_TABLES, LEDGER_TABLES, TABLES
from tidegauge.schema.validate import LOCATOR, SEEN_AT, Checked, check, no_rejects

__all__ = [
    "DATA_TABLES",
    "ENTITY_TABLES",
    "LEDGER_TABLES",
    "LOCATOR",
    "SEEN_AT",
    "TABLES",
    "Checked",
    "arrow_schema",
    "check",
    "column_label",
    "ddl",
    "docs_page",
    "key",
    "no_rejects",
    "polars_schema",
]
