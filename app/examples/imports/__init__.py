"""Airports from an uploaded CSV file: in batches, resumable, with every rejected row explained."""
