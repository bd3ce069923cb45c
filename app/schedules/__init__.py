"""Schedules: rules that create jobs, declared in code or owned by users.

`rules` says when a turn is due, `declarations` is what code writes, `services` stores and changes, `scheduler` is what
Beat runs. The rows of rules are django-celery-beat's; `models.Schedule` beside each says whose it is and what it makes.
"""
