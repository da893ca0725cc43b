"""Data: reading a user's recordings, and small real data sets, one loader each."""
