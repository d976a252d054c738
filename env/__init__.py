"""What a decision maker sees of the market, what it can do, and campaigns in which it is played.

Seen: ``observation`` (the one list), ``nominal`` and ``attribution_counts`` (results against the scenario's model),
``features`` (for networks), ``contexts`` (of a cell, for bandits and logs). Done: ``actions`` (the protocol),
``residual_actions``, ``tactic_actions``, ``continuous_actions``, ``components`` (the menu taken apart),
``action_masks``, ``baseline_plan``, ``anchors`` (what actions are relative to, by name). Played:
``market_run`` (one loop body for all), ``rollout`` and ``decision_book`` (policies and their log), ``policy_contract``,
``campaign`` (the core of the environments) and its faces ``gym_env``, ``vector_env``, ``cell_bandit``, with
``settings``, ``episodes``, ``rendering``, ``spaces`` and ``registration``.
"""
