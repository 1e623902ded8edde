"""Pure planning: which models could do it, in which order, and which error leads where."""
