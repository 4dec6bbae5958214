"""What the server does besides running pages: workers, getting ready, logging, refusing, health."""
