"""A page with an uploader and a mistake, served as llmpert's pages are."""

import streamlit as st

if __name__ == "__main__":
    st.title("Throw-away")
    file = st.file_uploader("File")
    if file is not None:
        st.write(f"Received {file.size} bytes")
    st.download_button("Save", b"saved" * 500_000, "file.bin")
    if st.button("Fail"):
        raise RuntimeError("the password is swordfish, in /srv/secret/place")
else:
    from llmpert.ui.serving import start
    from llmpert.ui.serving.parts import parts

    start.prepare = lambda loaded: None  # it needs no data
    app = st.App(__file__, **parts())
