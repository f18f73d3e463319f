"""What the rest stands on and no reader of the paper needs: files, processes, terminals, numbers."""
