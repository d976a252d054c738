"""What an evaluation says: findings as values, their words, and the numbers behind them."""
