"""What learns: losses, reprompting, teachers and what feeds them; the agents that put them together are to come."""
