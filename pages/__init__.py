"""The pages of the studio: direct scripts that read widgets, call the engine and place figures."""
