"""What Plane's own tables tell of it: which migrations were made, and whether the instance is registered."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from pyinfra.api import FactBase, QuoteString, StringCommand
from typing_extensions import override

from pyinfra_plane.facts.postgres import FAILED, READ_PASSWORD, complaint, psql
from pyinfra_plane.text import LONGEST_QUOTE, printable, quote

# The tables are those of every tried release: its apps db and license, and Django's own list of migrations.
_SQL = r"""
SELECT EXISTS (
  SELECT FROM pg_database WHERE datname = :'database' AND datallowconn AND datconnlimit <> -2) AS there \gset
\if :there
\connect :"database"
SELECT
  to_regclass('public.django_migrations') IS NOT NULL AS migrations,
  to_regclass('public.instances') IS NOT NULL AS instances,
  to_regclass('public.instance_configurations') IS NOT NULL AS configurations \gset
\if :migrations
SELECT json_build_object('migrations', (
  SELECT coalesce(json_agg(app || ' ' || name), '[]') FROM public.django_migrations WHERE app IN ('db', 'license')));
\endif
\if :instances
SELECT json_build_object('instances', (
  SELECT coalesce(json_agg(current_version ORDER BY created_at DESC), '[]') FROM public.instances));
\endif
\if :configurations
SELECT json_build_object('configured', EXISTS (SELECT FROM public.instance_configurations));
\endif
\endif
"""


@dataclass(frozen=True)
class Schema:
    """Plane's tables.

    Args:
        migrations: those that were made, as ``app name``; ``None`` where there is no table of them.
        is_registered: whether the instance is.
        version: the version that it was registered with.
        is_configured: whether it has instance settings.
        unavailable: why nothing could be read.
    """

    migrations: frozenset[str] | None = None
    is_registered: bool = False
    version: str | None = None
    is_configured: bool = False
    unavailable: str | None = None


class PlaneSchema(FactBase[Schema]):
    """
    Returns what Plane's tables in a PostgreSQL container tell of it, as a ``Schema``.

    + container: name of the container
    + database: name of Plane's database
    + superuser: the role to look as
    + with_password: whether the superuser's password is on standard input
    + container_user, port, maintenance_db: how PostgreSQL is reached in the container, as for ``PostgresService``
    """

    @override
    def command(
        self,
        container: str,
        database: str,
        superuser: str = "postgres",
        with_password: bool = False,
        container_user: str | None = None,
        port: int | None = None,
        maintenance_db: str = "postgres",
    ) -> StringCommand:
        command = psql(
            container,
            superuser,
            with_password,
            container_user=container_user,
            port=port,
            maintenance_db=maintenance_db,
            database=database,
        )
        password = READ_PASSWORD if with_password else ""
        return StringCommand(password, "{", command, f"<<'SQL'\n{_SQL}SQL\n}} 2>&1 || echo", QuoteString(FAILED))

    @staticmethod
    @override
    def default() -> Schema:
        # psql prints nothing where there is no database, or an empty one.
        return Schema()

    @override
    def process(self, output: list[str]) -> Schema:
        if output[-1:] == [FAILED]:
            said = complaint(line for line in output[:-1] if not line.startswith("{"))
            return Schema(unavailable="docker said nothing" if said is None else printable(said, LONGEST_QUOTE))
        found: dict[str, Any] = {}
        try:
            for line in output:
                if line.startswith("{"):  # whatever else there is, is a notice
                    found.update(json.loads(line))
            migrations = found.get("migrations")
            versions = [str(version) for version in found.get("instances") or ()]
            return Schema(
                None if migrations is None else frozenset(map(str, migrations)),
                bool(versions),
                versions[0] if versions else None,
                bool(found.get("configured")),
            )
        except (ValueError, TypeError, RecursionError) as error:
            return Schema(unavailable=f"the answer cannot be understood: {quote(str(error), 80)}")
