"""Does the elasticity theorem hold for a trained network?"""
