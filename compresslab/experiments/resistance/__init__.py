"""Is it cheaper to train a later checkpoint back than an earlier one forward?"""
