"""What goes wrong on the way: every step a run can be cut off at, and every way an answer can fail to come."""
