-- What other services keep in the shared server: nothing of it may ever change.
CREATE ROLE readers NOLOGIN;
CREATE ROLE n8n LOGIN PASSWORD 'n8n password' CONNECTION LIMIT 20;
CREATE ROLE litellm LOGIN PASSWORD 'litellm password' IN ROLE readers;
ALTER ROLE litellm SET statement_timeout = '30s';
CREATE DATABASE n8n OWNER n8n;
CREATE DATABASE litellm OWNER litellm;
REVOKE CONNECT ON DATABASE litellm FROM PUBLIC;
ALTER DATABASE n8n SET search_path = public, pg_catalog;
\connect n8n
SET ROLE n8n;
CREATE TABLE workflow (id serial PRIMARY KEY, name text NOT NULL UNIQUE, active boolean DEFAULT false);
INSERT INTO workflow (name, active) SELECT 'workflow ' || n, n % 2 = 0 FROM generate_series(1, 200) n;
GRANT SELECT ON workflow TO readers;
\connect litellm
SET ROLE litellm;
CREATE SCHEMA spend;
CREATE TABLE spend.log (at timestamptz DEFAULT '2026-01-01 00:00Z', model text, tokens bigint);
INSERT INTO spend.log (model, tokens) SELECT 'model-' || n % 7, n * 31 FROM generate_series(1, 500) n;
ALTER DEFAULT PRIVILEGES IN SCHEMA spend GRANT SELECT ON TABLES TO readers;
