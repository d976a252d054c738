"""PPO by stable-baselines3. Only this package imports PyTorch."""
