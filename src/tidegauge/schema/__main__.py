"""`python -m tidegauge.schema > docs/tables.md`: write the documentation page of the tables."""

from tidegauge.schema.derive import docs_page

print(docs_page())
