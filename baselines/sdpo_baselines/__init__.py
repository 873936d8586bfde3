"""What learns and what searches: agents (GRPO, SDPO), their losses, teachers and presets, and the tiny policy."""
