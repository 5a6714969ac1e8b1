#!/bin/sh
# As Plane's own start script: wait for the migrator, register and configure the instance, start the server.
set -e
python manage.py wait_for_migrations
python manage.py register_instance signature
python manage.py configure_instance
python manage.py clear_cache
exec gunicorn plane.wsgi
