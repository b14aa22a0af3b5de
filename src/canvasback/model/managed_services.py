"""What to tell the services that run PostgreSQL for others, so that they restore it to a time.

None takes a transaction: the restored database has later commits too, which a rewind then takes back. Sources: the
manual pages that docs/managed-postgresql.md names.
"""

from __future__ import annotations

from datetime import datetime

from canvasback.model.recovery_target import Instruction

_RDS = "aws rds restore-db-instance-to-point-in-time --source-db-instance-identifier SOURCE"
_AURORA = "aws rds restore-db-cluster-to-point-in-time --source-db-cluster-identifier SOURCE"
_ALLOYDB = "gcloud alloydb clusters restore NEW --region=REGION --source-cluster=SOURCE"
_AZURE = "az postgres flexible-server restore --resource-group GROUP --source-server SOURCE --name NEW"
_SERVICES = {
    "Amazon RDS": f"{_RDS} --target-db-instance-identifier NEW --restore-time {{time}}",
    "Amazon Aurora": f"{_AURORA} --db-cluster-identifier NEW --restore-to-time {{time}}",
    "Google Cloud SQL": "gcloud sql instances clone SOURCE NEW --point-in-time={time}",
    "Google AlloyDB": f"{_ALLOYDB} --point-in-time={{time}}",
    "Azure Database for PostgreSQL": f"{_AZURE} --restore-time {{time}}",
    "Supabase": "Database > Backups > Point in time: {time}",
    "Neon": "neonctl branches create --name NEW --parent {time}",
}


def services_to(time: datetime) -> tuple[Instruction, ...]:
    """What to tell each of them.

    Args:
        time: The time to restore to, in UTC and whole seconds.
    """
    spelled = f"{time:%Y-%m-%dT%H:%M:%SZ}"
    return tuple(Instruction(to, (line.format(time=spelled),)) for to, line in _SERVICES.items())
