"""Write the sample task files of assets/tasks from Fieldbook's named species."""

from __future__ import annotations

from pathlib import Path

from n3core.datasets.fieldbook.book import Fieldbook
from n3core.descriptions import ClassDescription, TaskSpec, save_task

_TASKS = Path(__file__).resolve().parent.parent / "assets" / "tasks"


def main() -> None:
    """Write the unseen species of both kingdoms; the flowers once as the book has them and once repaired."""
    for kingdom, repaired, stem, title in (
        ("flowers", False, "flowers", "Ten unseen flowers, windflower as the book has it"),
        ("flowers", True, "flowers-repaired", "Ten unseen flowers, windflower repaired"),
        ("birds", False, "birds", "Twenty-five unseen birds"),
    ):
        book = Fieldbook(kingdom)
        names = book.splits["test"]
        classes = tuple(ClassDescription(name, book.entry(name, repaired=repaired).text) for name in names)
        save_task(TaskSpec(classes, dataset=book.name, title=title), _TASKS / f"{stem}.json")


if __name__ == "__main__":
    main()
