"""The data of the fine-tuning experiments."""
