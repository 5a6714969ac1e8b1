"""A fact about Plane's own tables: the migrations that have run, and whether the instance is registered."""

from __future__ import annotations

from pyinfra_plane.dataclass import dataclass
from pyinfra_plane.facts.postgres import SqlFact


@dataclass(frozen=True)
class Schema:
    """Plane's tables.

    Args:
        migrations: those that have run, as ``app name``; ``None`` if the table of migrations does not exist.
        is_registered: whether the instance is registered.
        version: the version that it was registered with.
        is_configured: whether it has instance settings.
        unavailable: why nothing could be read.
    """

    migrations: frozenset[str] | None = None
    is_registered: bool = False
    version: str | None = None
    is_configured: bool = False
    unavailable: str | None = None


class PlaneSchema(SqlFact[Schema]):
    """
    Returns the state of Plane's tables in a PostgreSQL container, as a ``Schema``.

    + server: the ``Server`` to read from; its ``stdin()`` is sent on standard input
    + database: name of Plane's database
    """

    kind = Schema
    # The tables are those of every tried release: its apps db and license, and Django's own list of migrations.
    sql = r"""
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
SELECT json_build_object('is_registered', true, 'version', current_version)
FROM public.instances ORDER BY created_at DESC LIMIT 1;
\endif
\if :configurations
SELECT json_build_object('is_configured', EXISTS (SELECT FROM public.instance_configurations));
\endif
\endif
"""
