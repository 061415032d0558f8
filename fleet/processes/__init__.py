"""Processes that outlive who started them: started, recorded, watched over and ended."""
