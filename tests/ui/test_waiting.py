"""What a visitor sees whose fit waits, and how to get out of it."""

from collections.abc import Callable

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState, WidgetStates
from websockets.sync.client import connect

from llmpert.ui.common.waiting import AFTER_OWN, in_words
from tests.support.server_process import REPOSITORY, eventually, running


@pytest.mark.parametrize(
    ("ahead", "seconds", "said"),
    [
        (1, None, "Place 1 in the queue …"),
        (2, 40.2, "Place 2 in the queue, about 40 s …"),
        (1, 0.0, "Place 1 in the queue, about 1 s …"),
        (7, 200.0, "Place 7 in the queue, about 3 min …"),
    ],
)
def test_the_place_in_words(ahead, seconds, said):
    assert in_words(ahead, seconds) == said


class Tab:
    """A session of the page, and what it shows."""

    def __init__(self, port: int, query: str, browser: str = "") -> None:
        self.query, self.words, self.buttons = query, [], {}
        address = f"ws://127.0.0.1:{port}/_stcore/stream"
        cookies = {"Cookie": f"_streamlit_xsrf={browser}"} if browser else None
        self.socket = connect(
            address, subprotocols=["streamlit"], max_size=None, additional_headers=cookies
        )
        self.run()

    def run(self, clicked: str = "") -> None:
        states = []
        if clicked:
            self._hear(lambda: clicked in self.buttons)
            states = [WidgetState(id=self.buttons[clicked], trigger_value=True)]
        state = ClientState(query_string=self.query, widget_states=WidgetStates(widgets=states))
        self.words = []
        self.socket.send(BackMsg(rerun_script=state).SerializeToString())

    def hear(self, words: str) -> None:
        """Wait until something is shown."""
        self._hear(lambda: any(words in said for said in self.words))

    def _hear(self, condition: Callable[[], bool]) -> None:
        while not condition():
            element = ForwardMsg.FromString(self.socket.recv(timeout=20)).delta.new_element
            if element.WhichOneof("type") == "markdown":
                self.words.append(element.markdown.body)
            elif element.WhichOneof("type") == "button":
                self.buttons[element.button.label] = element.button.id


@pytest.mark.processes
def test_a_visitor_sees_the_place_and_can_cancel_or_leave(tmp_path):
    command = ("streamlit", "run", str(REPOSITORY / "tests" / "support" / "waiting_page.py"))
    queue = tmp_path / "home" / "queue"
    with running(command, tmp_path / "home", tmp_path / "log") as server:

        def waiting() -> int:
            return len([*queue.glob("*.ticket")])

        first = Tab(server.port, "seconds=3")
        eventually(lambda: waiting() == 1)
        leaving = Tab(server.port, "seconds=0.1")
        leaving.hear("Place 1 in the queue …")
        cancelling = Tab(server.port, "seconds=0.2")
        cancelling.hear("Place 2 in the queue …")
        assert waiting() == 3

        leaving.socket.close()
        cancelling.hear("Place 1 in the queue …")
        cancelling.run("Cancel")
        cancelling.hear("cancelled")
        eventually(lambda: waiting() == 1)
        first.hear("Fitted in 3.0 s")

        cancelling.run("Fit")
        cancelling.hear("Fitted in 0.2 s")
        # How long the queue was is not told again to whoever finds the fit made.
        later = Tab(server.port, "seconds=3")
        later.hear("Fitted in 3.0 s")
        assert not [said for said in (*later.words, *first.words) if "queue" in said]
        assert waiting() == 0

        # Of several fits, the next ones are not made.
        several = Tab(server.port, "seconds=0.3&times=40")
        eventually(lambda: waiting() == 1)
        several.run("Cancel")
        several.hear("cancelled")
        assert waiting() == 0

        # Another tab of the same browser gets in line when the fit of the first is made.
        tabs = [Tab(server.port, "seconds=1.5", "a")]
        eventually(lambda: waiting() == 1)
        tabs.append(Tab(server.port, "seconds=1.6", "a"))
        tabs[1].hear(AFTER_OWN)
        other = Tab(server.port, "seconds=1.7", "b")
        other.hear("Place 1 in the queue")
        tabs[1].hear("Place 1 in the queue")
        other.hear("Fitted in 1.7 s")
        tabs[1].hear("Fitted in 1.6 s")
