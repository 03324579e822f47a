"""What an operator does with a stack that stands: look for drift, run the test notebook, take it down."""
