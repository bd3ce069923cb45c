"""An app of the tests' image: job types that do what a test asks of them, and the table where their bodies say so."""
