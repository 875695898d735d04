"""The web page: its files, and what they ask beyond what every caller may."""
