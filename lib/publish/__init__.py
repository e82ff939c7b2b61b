"""The site: pages and tables of reports/ as a folder that any static host serves.

`make publish` fills site/, whole or not at all. It refuses pages of other films than phantoms,
unless asked for, pages that are not those of the last run, and links that lead nowhere.
"""
