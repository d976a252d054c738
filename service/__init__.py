"""From a proven policy to a running allocation service: bundle, allocator, decision store, HTTP."""
