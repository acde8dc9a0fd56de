"""Descriptions of classes from Wikipedia: politely asked for, kept on disk, with the record of where they come from."""
