"""Speed of our operators against those of other libraries."""
