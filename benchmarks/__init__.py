"""What is claimed about speed and accuracy, as commands that anyone can run."""

from llmpert.runtime import wait_briefly

# As in the app, and inherited by the processes that parts run in.
wait_briefly()
