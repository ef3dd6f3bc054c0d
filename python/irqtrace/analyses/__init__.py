"""Analyses: functions of what was recorded that return frames.

Each is three pure steps: *reduce* makes a small state of one trace, *merge* joins states in any order, *finish* makes
the answer of a state. What a laptop does with one file and a fleet with thousands is the same three steps.
"""
