"""What runs inside the OpenStack services of the tests."""
