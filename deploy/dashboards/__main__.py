"""Write every dashboard."""

from __future__ import annotations

from deploy.dashboards import overview, queue, scaling
from deploy.dashboards.panels import FOLDER, text_of

DASHBOARDS = {"overview": overview.dashboard, "queue": queue.dashboard, "scaling": scaling.dashboard}


def texts() -> dict[str, str]:
    """The files by name."""
    return {f"{name}.json": text_of(make()) for name, make in DASHBOARDS.items()}


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, text in texts().items():
        (FOLDER / name).write_text(text)


if __name__ == "__main__":
    main()
