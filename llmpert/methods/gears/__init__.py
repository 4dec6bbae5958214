"""GEARS (Roohani, Huang & Leskovec 2024) through its published package, fold by fold.

Nature Biotechnology 42, 927-935. The package `cell-gears` is an extra (`requirements-gears.txt`)
and runs in processes of its own; nothing else here needs it.
"""
