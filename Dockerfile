# One image, six roles: `docker run IMAGE web|worker|relay|beat|migrate|manage …`. Settings come from the environment;
# without them each role ends with a line for each that is missing. A second target, `flower`, has Flower added.

FROM python:3.13-slim-trixie AS base
# PYTHONDONTWRITEBYTECODE: everything is compiled below, and the root file system is read-only where this runs.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

FROM base AS build
# The version that deploy/local/uv.py pins; a test compares.
RUN pip install --no-cache-dir --root-user-action=ignore uv==0.13.9
# System certificates: behind a company's firewall its own authority signs the package index.
ENV UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_NO_CACHE=1 \
    UV_PROJECT_ENVIRONMENT=/opt/venv \
    UV_PYTHON=/usr/local/bin/python3.13 \
    UV_PYTHON_DOWNLOADS=never \
    UV_SYSTEM_CERTS=1
WORKDIR /build
# Before the code, so that a change of it installs nothing anew.
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --no-default-groups
WORKDIR /app
COPY app .
# Static files need the settings, and the settings need every variable; none of these values is kept.
RUN DJANGO_SETTINGS_MODULE=config.settings.production SECRET_KEY=only-for-this-step-only-for-this-step \
    ALLOWED_HOSTS=localhost DATABASE_URL=postgresql://localhost/none REDIS_URL=rediss://localhost:6379/0 \
    REDIS_CA_PATH=/etc/hostname python -m config manage collectstatic --no-input --verbosity 0 \
    && python -m compileall -q . && chmod -R a+rX .

FROM build AS build-flower
RUN cd /build && uv sync --frozen --no-default-groups --group flower

FROM base AS final
WORKDIR /app
# Numeric, so that Kubernetes can see that it is not root.
USER 10001:10001
ENTRYPOINT ["python", "-m", "config"]
CMD ["web"]

FROM final AS flower
COPY --from=build-flower /opt/venv /opt/venv
COPY --from=build /app /app

FROM final AS application
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
