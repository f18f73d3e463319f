"""Positive data, then negative data: how fast does a model fall back?"""
