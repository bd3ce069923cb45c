"""Small domain apps that show how jobs are written. Nothing outside this folder imports it.

Each sub-package is laid out as an app of yours would be: models, selectors (reading), services (doing), tasks (the job
types), schedules, admin. They share one Django app, so that one line of INSTALLED_APPS brings them all: `models`,
`tasks`, `schedules` and `admin` beside this file name the modules that Django and the engine look for in an app.
"""
