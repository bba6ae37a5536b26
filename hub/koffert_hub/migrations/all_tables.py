"""Every table of the hub's database, wherever it is declared: what the migrations must lead to."""

import koffert_hub.alerts.tables
import koffert_hub.documents.tables
import koffert_hub.provisioning.tables
import koffert_hub.rights.tables
import koffert_hub.spirometry.tables
import koffert_hub.visits.tables
import koffert_hub.web.tables  # noqa: F401 - all add their tables to the metadata
from koffert_hub.tables import metadata

__all__ = ["metadata"]
