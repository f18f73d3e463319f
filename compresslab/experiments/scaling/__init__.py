"""Does the rebound grow with size and pre-training volume?"""
