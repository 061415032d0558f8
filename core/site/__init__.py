"""A pod: files and items, changes found, revisions applied, what is proposed."""
