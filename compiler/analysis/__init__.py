"""Read-only facts about networks and the algorithms of the papers, on plain arrays."""
