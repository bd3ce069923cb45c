"""Settings by topic. There is no default module: `DJANGO_SETTINGS_MODULE` names `local`, `production` or `test`."""
