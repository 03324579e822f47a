"""What an operator does with a running stack: look for drift, run the test notebook, restore notebooks, destroy it."""
