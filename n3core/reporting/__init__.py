"""Results for readers: JSON, terminal tables, CSV, and the report as one HTML file. Knows no screen."""
