"""Pages and words of a campaign: its status, and what is proposed."""
