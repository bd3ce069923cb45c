"""Running the application: health, doctor, smoke test, housekeeping. Sees the other apps; none of them sees it."""
