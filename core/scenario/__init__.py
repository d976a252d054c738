"""The scenario: strict at the edge, arrays inside."""
