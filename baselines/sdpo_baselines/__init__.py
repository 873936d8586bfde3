"""What learns: losses, reprompting, teachers and agents (none is part of this release yet)."""
