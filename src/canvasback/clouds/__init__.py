"""What clouds offer beside storing objects, each service in its own words."""
