"""From a moment that somebody names to the point or the catalog that holds it."""
