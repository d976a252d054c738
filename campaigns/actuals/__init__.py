"""What a day really brought, as far as it is known: from files to the days of a campaign."""
