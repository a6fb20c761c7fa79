"""Deciding says what would decide a verdict, and how long that takes."""
