"""Releases: `python -m deploy.release make|check|build|scan|images|chart|notes`.

- `deploy.release.versions`  what a version is, and the files that spell it
- `deploy.release.make`      a version of this checkout: set, checked, committed, tagged and packaged; nothing is pushed
- `deploy.release.images`    the image's two targets: built, scanned, published and signed
- `deploy.release.chart`     the chart that runs the published images, published and signed
- `deploy.release.notes`     a version's part of the changelog, and GitHub's release with it

What publishes (`images`, `chart`, `notes`) is run by the workflow `release`, and refuses a commit that has no tag.
"""
