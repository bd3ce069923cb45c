"""Other ways to run background work, each as its documentation says, doing the same work."""
