"""PPO on campaigns: the only part of xbopt that knows PyTorch and stable-baselines3."""
