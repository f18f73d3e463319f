"""The measuring jobs: data in, one frozen result out, ready for a table or for JSON."""
